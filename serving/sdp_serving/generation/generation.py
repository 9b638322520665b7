"""Pictures, and all that it takes to make them again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.generation.ask import Stage
from sdp_serving.generation.decode import Encoding, Pictures, no_picture
from sdp_serving.generation.files import QUALITY, encoded, with_receipt
from sdp_serving.generation.png import NotPngError
from sdp_serving.generation.receipt import ModelReceipt, Receipt


@dataclass(frozen=True, eq=False)
class Generation:
    """Pictures of one request.

    Attributes:
        pictures: as the decoder sent them.
        receipt: of all of them.
        tokens_cut_off: how many tokens of the prompt did not fit and say nothing; None where the text encoder doesn't
            tell.
        negative_tokens_cut_off: the same of the negative prompt.
        seconds: what each stage took.
    """

    pictures: Pictures
    receipt: Receipt
    tokens_cut_off: int | None
    negative_tokens_cut_off: int | None
    seconds: Mapping[Stage, float]

    def __len__(self) -> int:
        """The number of pictures."""
        return self.receipt.images

    @property
    def images(self) -> NDArray[np.uint8]:
        """The pixels, uint8 [pictures, height, width, 3], RGB.

        Raises:
            UnexpectedAnswerError: when the decoder sent files that are no pictures.
        """
        return self.pictures.pixels

    @property
    def seed(self) -> int | None:
        """Of the first picture; picture k has `seed + k`. None where the model takes none."""
        return self.receipt.seed

    @property
    def versions(self) -> Mapping[Component, int]:
        """The version of each component's model that took part."""
        return {component: model.version for component, model in self.receipt.models.items()}

    @property
    def variant(self) -> Variant:
        """Of the diffusion model."""
        return self.receipt.variant

    def file(self, index: int, encoding: Encoding = Encoding.PNG, quality: int | None = None) -> bytes:
        """Picture `index` as a file that holds its receipt.

        It is the decoder's own file, with the receipt put in, where that has the encoding and no quality is asked for.

        Args:
            index: from 0.
            encoding: of the file.
            quality: of JPEG and WebP in percent; None for what is usual.

        Raises:
            UnexpectedAnswerError: when the decoder sent files that are no pictures.
        """
        receipt = self.receipt.of_picture(index)
        if isinstance(self.pictures.sent, tuple) and encoding is self.pictures.encoding and quality is None:
            try:
                return with_receipt(self.pictures.sent[index], encoding, receipt)
            except NotPngError as error:
                raise no_picture() from error
        return encoded(self.images[index], encoding, receipt, quality=QUALITY if quality is None else quality)

    def identified(self, models: Mapping[Component, ModelReceipt]) -> Self:
        """The same, with a receipt that says of these models where they came from."""
        known = {**self.receipt.models, **models}
        return replace(self, receipt=self.receipt.model_copy(update={"models": known}))

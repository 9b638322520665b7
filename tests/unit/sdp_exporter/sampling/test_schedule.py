import numpy as np

from sdp_exporter.sampling.schedule import alphas_cumprod


def test_the_schedule_has_the_values_that_kerascv_lists() -> None:
    alphas = alphas_cumprod()

    np.testing.assert_allclose(alphas[:4], [0.99915, 0.998296, 0.9974381, 0.9965762], rtol=1e-6)
    np.testing.assert_allclose(alphas[-3:], [0.004773902, 0.004716699, 0.0046600983], rtol=1e-5)


def test_the_schedule_falls_over_a_thousand_steps() -> None:
    alphas = alphas_cumprod()

    assert alphas.shape == (1000,)
    assert alphas.dtype == np.float32
    assert (np.diff(alphas) < 0).all()

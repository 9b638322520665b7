import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from sdp_exporter.sampling import noise

SEEDS = st.integers(-(2**63), 2**63 - 1)


draw = tf.function(
    lambda seed, batch_size: noise.initial(noise.keys(seed, batch_size), tf.constant([4, 4, 4])),
    input_signature=[tf.TensorSpec([], tf.int64), tf.TensorSpec([], tf.int32)],
)


@settings(deadline=None, max_examples=50)
@given(seed=SEEDS, sizes=st.tuples(st.integers(1, 8), st.integers(1, 8)))
def test_an_image_starts_from_the_same_noise_in_a_batch_of_any_size(seed: int, sizes: tuple[int, int]) -> None:
    small, large = sorted(sizes)
    np.testing.assert_array_equal(draw(seed, small), draw(seed, large)[:small])


@settings(deadline=None, max_examples=50)
@given(seeds=st.tuples(SEEDS, SEEDS).filter(lambda pair: pair[0] != pair[1]))
def test_seeds_and_images_differ(seeds: tuple[int, int]) -> None:
    drawn = np.concatenate([draw(seed, 3) for seed in seeds])
    assert len(np.unique(drawn.reshape(6, -1), axis=0)) == 6


def test_the_noise_is_standard_normal() -> None:
    drawn = draw(7, 1000).numpy()
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02


def test_a_pictures_noise_depends_on_its_seed_and_on_neither_place_nor_number_of_pictures() -> None:
    def draw_each(*seeds: int) -> np.ndarray:
        return np.asarray(noise.initial(noise.keys_of_seeds(tf.constant(seeds, tf.int64)), tf.constant([4, 4, 4])))

    np.testing.assert_array_equal(draw_each(5, -3, 7)[[2, 0]], draw_each(7, 5))
    np.testing.assert_array_equal(draw_each(5), draw(5, 1))


def test_every_step_and_picture_has_noise_of_its_own() -> None:
    keys, shape = noise.keys(tf.constant(1, tf.int64), tf.constant(3)), tf.constant([4, 4, 4])
    drawn = np.concatenate([noise.initial(keys, shape), *(noise.of_step(keys, shape, step) for step in range(5))])
    assert len(np.unique(drawn.reshape(18, -1), axis=0)) == 18
    np.testing.assert_array_equal(drawn[4:5], noise.of_step(keys[1:2], shape, tf.constant(0)))


def test_a_random_seed_is_new_at_every_call_even_when_the_graph_was_traced_with_a_global_seed() -> None:
    tf.random.set_seed(1)
    in_graph = tf.function(noise.random_seed)
    assert len({int(in_graph()) for _ in range(5)}) == 5

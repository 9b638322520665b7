from sdp_exporter.stages import Stage, Stopwatch, enter, listening


def test_who_listens_is_told_and_nobody_else() -> None:
    heard: list[Stage] = []
    enter(Stage.BUILD)
    with listening(heard.append):
        enter(Stage.LOAD)
    enter(Stage.SAVE)
    assert heard == [Stage.LOAD]


def test_the_seconds_of_a_stage_that_is_entered_again_are_added() -> None:
    times = iter([0.0, 1.0, 1.0, 3.0, 3.0, 7.0])
    watch = Stopwatch(lambda: next(times))
    for stage in (Stage.BUILD, Stage.LOAD, Stage.BUILD):
        watch.enter(stage)
    assert watch.stage is Stage.BUILD
    assert watch.stop() == {Stage.BUILD: 5.0, Stage.LOAD: 2.0}
    assert watch.stage is None

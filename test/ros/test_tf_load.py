"""The measurement of TF's cost hears what it sends."""

from autoseg3d_ros.tf_load import main


def test_what_is_sent_is_heard_and_measured(capsys):
    main(["--rate", "50", "--transforms", "3", "--seconds", "0.5"])
    assert "50 messages/s of 3 transforms" in capsys.readouterr().out

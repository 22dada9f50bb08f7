"""Someone who calls the node's services all the time, and takes it through its lifecycle."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from autoseg3d.srv import GetInstances, GetObject, LoadMap, RemoveInstance, SaveMap, SetLabel
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

PATIENCE_S = 30.0
PAUSE_S = 1.0
LIFECYCLE = "change_state"
RESTART = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE)
REBUILD = (
    Transition.TRANSITION_DEACTIVATE,
    Transition.TRANSITION_CLEANUP,
    Transition.TRANSITION_CONFIGURE,
    Transition.TRANSITION_ACTIVATE,
)


class Operator:
    """Makes one call after the other; counts the `answers` by service, and names what stayed `unanswered`."""

    def __init__(self, node: Node, folder: Path, seed: int) -> None:
        self._node, self._random = node, Random(seed)
        self._file = str(folder / "soak.snapshot")
        kinds = {
            **{"reset": Trigger, "enable": SetBool, "save_map": SaveMap, "load_map": LoadMap},
            **{"get_instances": GetInstances, "get_object": GetObject, "set_label": SetLabel},
            **{"remove_instance": RemoveInstance, LIFECYCLE: ChangeState},
        }
        self._clients: dict[str, Any] = {
            name: node.create_client(kind, f"autoseg3d/{name}") for name, kind in kinds.items()
        }
        self.answers: Counter[str] = Counter()
        self.unanswered: list[str] = []
        self._todo: list[tuple[str, Any]] = []
        self._future: Any = None
        self._name, self._since = "", 0.0
        self.newest_id = 1

    def act(self) -> None:
        """Take the answer that has come, and make the next call a moment later."""
        waited = time.monotonic() - self._since
        if self._future is not None and self._future.done():
            self.answers[self._name] += 1
            self._future = None
        elif self._future is not None and waited > PATIENCE_S:
            self.unanswered.append(self._name)
            self._future = None
        if self._future is not None or waited < PAUSE_S:
            return
        self._todo = self._todo or self._next()
        self._name, request = self._todo.pop(0)
        self._since = time.monotonic()
        if self._clients[self._name].service_is_ready():
            self._future = self._clients[self._name].call_async(request)

    def finish(self) -> None:
        """Leave the node enabled and active."""
        self._todo = [("enable", SetBool.Request(data=True))]

    def _next(self) -> list[tuple[str, Any]]:
        track = self._random.randint(1, max(self.newest_id, 1))
        chance = self._random.random()
        if chance < 0.02:
            return [_transition(number) for number in self._random.choice([RESTART, RESTART, REBUILD])]
        if chance < 0.04:
            return [("reset", Trigger.Request())]
        if chance < 0.08:
            return [("enable", SetBool.Request(data=False)), ("enable", SetBool.Request(data=True))]
        if chance < 0.14:
            return [("save_map", SaveMap.Request(path=self._file, overwrite=True))]
        if chance < 0.17:
            return [("load_map", LoadMap.Request(path=self._file))]
        if chance < 0.2:
            return [("remove_instance", RemoveInstance.Request(track_id=track))]
        if chance < 0.3:
            return [("set_label", SetLabel.Request(track_id=track, label=f"thing {track % 5}"))]
        if chance < 0.6:
            return [("get_object", GetObject.Request(track_id=track))]
        return [("get_instances", GetInstances.Request(include_points=chance < 0.7))]


def _transition(number: int) -> tuple[str, Any]:
    return LIFECYCLE, ChangeState.Request(transition=Transition(id=number))

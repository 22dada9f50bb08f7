"""The node's services; each is carried out on the worker's thread, between two frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

from autoseg3d.srv import GetInstances, GetObject, LoadMap, RemoveInstance, SaveMap, SetLabel
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from autoseg3d_ros.session import SavedMap, Session

ResultT = TypeVar("ResultT")


@runtime_checkable
class Host(Protocol):
    """What the services need of the node."""

    async def on_worker(self, run: Callable[[], ResultT]) -> ResultT:
        """Return what the worker makes of a function; raises what it raises."""
        ...

    def session(self) -> Session:
        """Return the session; raises `InputError` when the node is not configured."""
        ...

    def reset(self, reason: str) -> str:
        """Forget everything; return what was cleared."""
        ...

    def load_map(self, path: str) -> SavedMap:
        """Go on from a snapshot; raises `InputError`, and changes nothing, for one that does not fit."""
        ...

    def enable(self, is_enabled: bool) -> bool:
        """Take frames or ignore them; False when the node is not active."""
        ...


class SceneServices:
    """Offers the services of a node until closed."""

    def __init__(self, node: Node, host: Host) -> None:
        self._node, self._host = node, host
        self._services = [
            node.create_service(kind, f"~/{name}", callback)
            for kind, name, callback in (
                (Trigger, "reset", self._reset),
                (SetBool, "enable", self._enable),
                (SaveMap, "save_map", self._save_map),
                (LoadMap, "load_map", self._load_map),
                (GetInstances, "get_instances", self._get_instances),
                (GetObject, "get_object", self._get_object),
                (SetLabel, "set_label", self._set_label),
                (RemoveInstance, "remove_instance", self._remove_instance),
            )
        ]

    def close(self) -> None:
        """Stop offering them."""
        for service in self._services:
            self._node.destroy_service(service)

    async def _reset(self, request: Any, response: Any) -> Any:
        try:
            response.message = await self._host.on_worker(lambda: self._host.reset("service"))
        except Exception as error:
            return _refused(response, error)
        response.success = True
        return response

    def _enable(self, request: Any, response: Any) -> Any:
        response.success = self._host.enable(bool(request.data))
        state = "enabled" if request.data else "disabled: frames are ignored"
        response.message = state if response.success else "the node is not active"
        return response

    async def _save_map(self, request: Any, response: Any) -> Any:
        try:
            saved = await self._host.on_worker(
                lambda: self._host.session().save_map(request.path, request.format, request.overwrite)
            )
        except Exception as error:
            return _refused(response, error)
        response.success, response.message = True, f"wrote {saved.path}"
        response.instances, response.points = int(saved.instances), int(saved.points)
        return response

    async def _load_map(self, request: Any, response: Any) -> Any:
        try:
            loaded = await self._host.on_worker(lambda: self._host.load_map(request.path))
        except Exception as error:
            return _refused(response, error)
        response.success, response.message = True, f"loaded {loaded.path}"
        response.instances, response.points = int(loaded.instances), int(loaded.points)
        return response

    async def _get_instances(self, request: Any, response: Any) -> Any:
        wanted = [int(track_id) for track_id in request.track_ids]
        try:
            array, points = await self._host.on_worker(
                lambda: self._host.session().instances(wanted, bool(request.include_points))
            )
        except Exception as error:  # the response has no room for a reason
            self._node.get_logger().warning(f"~/get_instances: {type(error).__name__}: {error}")
            return response
        response.instances = array
        if points is not None:
            response.points = points
        return response

    async def _get_object(self, request: Any, response: Any) -> Any:
        track_id = int(request.track_id)
        try:
            found = await self._host.on_worker(lambda: self._host.session().object(track_id))
        except Exception as error:
            return _refused(response, error)
        response.success, response.header = True, found.header
        response.instance, response.points = found.instance, found.points
        if found.picture is not None:
            response.picture = found.picture
        return response

    async def _set_label(self, request: Any, response: Any) -> Any:
        track_id, label = int(request.track_id), str(request.label)
        try:
            is_named = await self._host.on_worker(lambda: self._host.session().set_label(track_id, label))
        except Exception as error:
            return _refused(response, error)
        response.success = bool(is_named)
        said = f"track {track_id} is {label!r}" if label else f"track {track_id} has the model's label again"
        response.message = said if is_named else f"there is no track {track_id}"
        return response

    async def _remove_instance(self, request: Any, response: Any) -> Any:
        track_id = int(request.track_id)
        try:
            is_gone = await self._host.on_worker(lambda: self._host.session().remove(track_id))
        except Exception as error:
            return _refused(response, error)
        response.success = bool(is_gone)
        response.message = f"removed track {track_id}" if is_gone else f"there is no track {track_id}"
        return response


def _refused(response: Any, error: Exception) -> Any:
    response.success, response.message = False, f"{type(error).__name__}: {error}"
    return response

"""The lifecycle node: wires source -> worker -> publisher, parameters and services; no maths."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.task import Future

from autoseg3d_core.config import ConfigError
from autoseg3d_core.structures import InputError
from autoseg3d_ros.diagnostics import Diagnostics
from autoseg3d_ros.frame_source import FrameSource, PosedMessages
from autoseg3d_ros.ledger import FrameLedger
from autoseg3d_ros.memory_use import release_gpu
from autoseg3d_ros.outcomes import FrameReport, Outcome
from autoseg3d_ros.parameters import changed_live, declare, default_settings, unknown_overrides
from autoseg3d_ros.pose_source import PoseSource
from autoseg3d_ros.publisher import ScenePublisher
from autoseg3d_ros.segmenter import BuiltSegmenter, build_segmenter, torch_shares
from autoseg3d_ros.services import SceneServices
from autoseg3d_ros.session import SavedMap, Session, TakenFrame
from autoseg3d_ros.snapshot_keeper import SnapshotKeeper
from autoseg3d_ros.transitions import attempt
from autoseg3d_ros.vocabulary import names_from_file
from autoseg3d_ros.worker import Job, RepeatedJob, Worker

TICK_S = 1.0
STOP_TIMEOUT_S = 1.0
ResultT = TypeVar("ResultT")


class SegmenterNode(LifecycleNode):
    """RGB-D topics and TF in, tracked 3D instances out.

    `build` makes the segmenter from the core's config and the first id it may issue; tests give another.
    """

    def __init__(
        self, build: Callable[[Any, int], BuiltSegmenter] = build_segmenter, **node_options: Any
    ) -> None:
        super().__init__("autoseg3d", **node_options)
        self._build = build
        self.settings = declare(self, default_settings())
        for line in unknown_overrides(self._parameter_overrides, self.settings):
            self.get_logger().warning(line)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._epoch, self._first_id = 0, 1
        self._built: BuiltSegmenter | None = None
        self._ledger: FrameLedger | None = None
        self._diagnostics: Diagnostics | None = None
        self._session: Session | None = None
        self._keeper: SnapshotKeeper | None = None
        self._poses: PoseSource | None = None
        self._source: FrameSource | None = None
        self._worker: Worker[PosedMessages, TakenFrame] | None = None
        self._configured: list[Callable[[], object]] = []  # undoes what configuring made, last first
        self._refreshing = RepeatedJob(self._refresh, self._on_job_failed)

    def start(self) -> bool:
        """Configure and activate; return whether both worked."""
        success = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == success and self.trigger_activate() == success

    def close(self) -> bool:
        """Stop for good; return whether the worker's thread has ended."""
        has_stopped = self._stop_working()
        self._release()
        return has_stopped

    # Lifecycle. rclpy swallows what these raise, so they log it themselves.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Build the segmenter, the topics and the services."""
        return attempt("configure", self._configure, self.get_logger(), undo=self._release)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen and work."""
        super().on_activate(state)
        return attempt("activate", self._start_working, self.get_logger())

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and end the worker."""
        super().on_deactivate(state)
        return attempt("deactivate", self._stop_working, self.get_logger())

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the segmenter and its memory."""
        return attempt("clean up", self._release, self.get_logger())

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything."""
        return attempt("shut down", self.close, self.get_logger())

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to the unconfigured state."""
        return attempt("recover", self.close, self.get_logger())

    def _configure(self) -> None:
        node_config = self.settings.node
        self._built = self._build(self.settings.core, self._first_id)
        self.get_logger().info(self._built.about)
        file = node_config.publish.label_names
        names = names_from_file(file) if file else self._built.label_names
        publisher = ScenePublisher(self, node_config, names)
        ledger = FrameLedger(self, publisher, node_config.diagnostics)
        diagnostics = Diagnostics(self, node_config.diagnostics, node_config.sync.slop_s)
        self._ledger, self._diagnostics = ledger, diagnostics
        self._session = Session(
            self._built.segmenter,
            self._built.reconfigure,
            publisher,
            ledger,
            self.settings,
            self._epoch,
            lambda: self.get_clock().now().nanoseconds,
        )
        timer = self.create_timer(TICK_S, self._tick)
        self._configured = [publisher.close, diagnostics.close, lambda: self.destroy_timer(timer)]
        self._configured.append(SceneServices(self, self).close)
        self._keeper = SnapshotKeeper(lambda: self.settings.node.snapshot, self._session, self.get_logger())
        self._keeper.load()

    def _start_working(self) -> None:
        if self._session is None or self._diagnostics is None:
            raise InputError("a frame took too long at deactivation: clean up and configure the node first")
        config = self.settings.node
        limit = 1 if config.input.policy == "latest" else config.input.every_limit
        self._worker = Worker(
            self._session.prepare,
            self._session.process,
            self._on_busy,
            functools.partial(self._on_failed, self._session),
            limit,
            config.input.masks_ahead,
            torch_shares(config.input.masks_ahead),
        )
        self._poses = PoseSource(self, config)
        self._source = FrameSource(self, config, self._poses, self)
        self._session.names = self._source.names
        self._session.failures_in_a_row = 0
        self._diagnostics.start_listening()
        self._worker.start()
        topics = ", ".join(gate.topic for gate in self._source.gates)
        self.get_logger().info(f"listening to {topics}; poses from {self._poses.origin}, in {config.world!r}")

    def _stop_working(self) -> bool:
        worker, self._worker = self._worker, None
        source, self._source = self._source, None
        poses, self._poses = self._poses, None
        if source is not None:
            source.close()
        has_stopped = worker is None or worker.stop(STOP_TIMEOUT_S)
        if poses is not None:
            poses.close()
        if not has_stopped:
            # The thread may still write into the session, so nobody else may use it any more.
            self.get_logger().error(f"the worker is still busy after {STOP_TIMEOUT_S} s; configure again")
            self._epoch = self._session.epoch + 1 if self._session else self._epoch
            self._session = self._keeper = None
        return has_stopped

    def _release(self) -> None:
        """Undo configuring; safe to call twice."""
        if self._keeper is not None:
            self._keeper.save_in_the_end()
        if self._session is not None:
            self._session.reset("lifecycle")
            self._epoch = self._session.epoch
        if self._built is not None:
            self._first_id = self._built.next_id()
        self._built = self._session = self._keeper = None
        while self._configured:
            self._configured.pop()()
        self._ledger = self._diagnostics = None
        release_gpu()

    # What the frame source says, on the main thread.

    def received(self) -> None:
        """Count a colour image."""
        if self._ledger is not None:
            self._ledger.counts.receive()

    def frame(self, frame: PosedMessages) -> None:
        """Take a frame from the source."""
        if self._worker is not None:
            self._worker.offer(frame)

    def lost(self, report: FrameReport) -> None:
        """Count a frame that will not come."""
        if self._ledger is not None:
            self._ledger.report(report)

    def time_jumped(self, back_ns: int) -> None:
        """Start anew after a jump back in time, if so configured."""
        if self.settings.node.input.on_time_jump == "reset" and self._session is not None:
            self._hand_over(lambda: self.reset("time_jump"))

    def _on_busy(self, frame: PosedMessages) -> None:
        self.lost(FrameReport(frame.messages.stamp_ns, frame.camera_frame, Outcome.DROPPED_BUSY))

    def _on_failed(self, session: Session, frame: PosedMessages, error: Exception) -> None:
        if not self.context.ok() or session is not self._session:
            return  # the process is ending, or the node did not wait: publishing failed for that
        details = "".join(traceback.format_exception(error))
        self.get_logger().error(f"a frame failed:\n{details}", throttle_duration_sec=5.0)
        session.failed(frame, error)

    def _tick(self) -> None:
        if self._diagnostics is None or self._ledger is None or self._session is None:
            return
        pending = self._source.pending() if self._source else 0
        pending += self._worker.pending() if self._worker else 0
        self._diagnostics.tick(self._source, self._ledger, pending)
        if self._worker is None:
            return
        if self._session.failures_in_a_row >= self.settings.node.diagnostics.failures_in_a_row:
            self.get_logger().error(
                "too many frames failed in a row: deactivating; activate the node to try again"
            )
            self.trigger_deactivate()
        else:
            self._refreshing.hand_over(self._worker)
        if self._worker is not None and self._keeper is not None and self._keeper.is_due():
            self._hand_over(self._keeper.save)

    def _refresh(self) -> None:
        if self._session is not None:
            self._session.refresh()

    # Parameters and services.

    def _on_set_parameters(self, parameters: Sequence[Parameter]) -> SetParametersResult:
        try:
            self.settings = changed_live(self.settings, {p.name: p.value for p in parameters})
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        settings = self.settings
        if self._source is not None:
            self._source.config = settings.node
        if self._diagnostics is not None:
            self._diagnostics.config = settings.node.diagnostics
        if self._session is not None:
            session = self._session
            self._hand_over(lambda: session.apply(settings))
        return SetParametersResult(successful=True)

    def _hand_over(self, run: Callable[[], object]) -> None:
        """Let the worker run something, or do it here when there is no worker; log what it raises."""
        if self._worker is None:
            run()
            return
        self._worker.submit(Job(run, lambda _: None, self._on_job_failed))

    def _on_job_failed(self, error: Exception) -> None:
        if self.context.ok():
            self.get_logger().warning(f"not done: {type(error).__name__}: {error}")

    # What the services ask for.

    async def on_worker(self, run: Callable[[], ResultT]) -> ResultT:
        """Return what the worker makes of a function; raises what it raises."""
        if self._worker is None:
            return run()
        future: Any = Future()  # its type parameter is missing before Kilted
        self._worker.submit(Job(run, future.set_result, future.set_exception))
        return await future

    def session(self) -> Session:
        """Return the session; raises `InputError` when the node is not configured."""
        if self._session is None:
            raise InputError("the node is not configured: ros2 lifecycle set NODE configure")
        return self._session

    def enable(self, is_enabled: bool) -> bool:
        """Take frames or ignore them; False when the node is not active."""
        if self._source is None:
            return False
        self._source.is_enabled = is_enabled
        return True

    def reset(self, reason: str) -> str:
        """Forget tracks and map; return what was cleared."""
        session = self.session()
        if self._ledger is not None:
            self._ledger.counts.start_epoch()
        return session.reset(reason)

    def load_map(self, path: str) -> SavedMap:
        """Go on from a snapshot; raises `InputError`, and goes on as it was, for one that does not fit."""
        loaded = self.session().load_map(path)
        if self._ledger is not None:
            self._ledger.counts.start_epoch()
        return loaded

"""The queue that replicas share: procrastinate, in PostgreSQL. A job is the turn of one portal.

A portal has at most one job under way (its lock) and one that waits (its queueing lock). What is to be done, a job
reads in the portal's schedule, so that a job too many does nothing. Every replica looks for jobs of workers without
a sign of life, and fails them; they are never retried in place: the schedule leads to the next one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector, exceptions
from procrastinate.jobs import DeleteJobCondition, Status
from procrastinate.worker import Worker
from sqlalchemy import URL, Connection

from portalctl.controller.database import TIMEOUTS
from portalctl.controller.logs import Log

QUEUE: Final = "portals"
TASK: Final = "turn"
HEARTBEAT_SECONDS: Final = 4.0
SILENT_SECONDS: Final = 20.0  # after which the jobs of a worker are failed: the leases of its runs have ended by then
SWEEP_SECONDS: Final = 2.0
FETCH_SECONDS: Final = 2.0  # between two looks for jobs where no notification arrived
RESTART_SECONDS: Final = 2.0  # until a worker that lost the database is started again
QUIET_SECONDS: Final = 60.0  # between two warnings of one kind
_LOGGERS: Final = ("procrastinate", "psycopg.pool", "asyncio")


class ReplicaQueue:
    """The jobs of all replicas, and the worker of this one, in a thread with an event loop of its own.

    Args:
        take: takes the turn of a portal. It is called in a thread of the worker.
    """

    def __init__(self, url: URL, take: Callable[[str], None], log: Log, workers: int) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._take = take
        self._log = log
        self._workers = workers
        self._stopped = threading.Event()
        self._worker: Any = None  # a Worker; its methods have no types
        self._opening: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None
        # Without a pool: jobs are added on connections of the store, in the transaction of what leads to them.
        self._adding = App(connector=SyncPsycopgConnector())
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        handler = _LogHandler(self._log)
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [handler], False
        self._thread.start()

    def stop(self) -> None:
        """Take no further jobs; `alive` is false once those under way have ended."""
        self._stopped.set()
        worker, opening = self._worker, self._opening
        if worker is not None:
            worker.stop()
        elif opening is not None:
            opening[0].call_soon_threadsafe(opening[1].cancel)

    def add(self, connection: Connection, name: str) -> None:
        """Add a job for a portal, unless one waits already, in the transaction of `connection`."""
        driver = connection.connection.driver_connection
        task = self._adding.configure_task(
            TASK, allow_unknown=True, queue=QUEUE, lock=name, queueing_lock=name, connection=driver
        )
        try:
            with connection.begin_nested():
                task.defer(portal=name)
        except exceptions.AlreadyEnqueued:
            return

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                asyncio.run(self._work())
            except (exceptions.ConnectorException, psycopg.Error, OSError) as error:
                self._log.warning("queue", problem=_first_line(error))
            except asyncio.CancelledError:
                return  # `stop` before the database was reached
            except Exception as error:  # the worker is started again, whatever ended it
                self._log.error("unexpected", error=type(error).__name__, problem=_first_line(error))
            self._stopped.wait(RESTART_SECONDS)

    async def _work(self) -> None:
        """Take jobs until `stop`, or until the database is lost, which raises."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 (this is one)
        self._worker, self._opening = None, (loop, task)
        loop.set_default_executor(ThreadPoolExecutor(self._workers, "portal"))
        connector = PsycopgConnector(
            conninfo=self._conninfo, kwargs=dict(TIMEOUTS), min_size=1, max_size=4, timeout=10.0
        )
        app = App(connector=connector)
        app.task(name=TASK, queue=QUEUE)(self._job)
        async with app.open_async():
            self._worker = Worker(
                app,
                queues=[QUEUE],
                concurrency=self._workers,
                fetch_job_polling_interval=FETCH_SECONDS,
                delete_jobs=DeleteJobCondition.ALWAYS,
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=10 * SILENT_SECONDS,
            )
            if self._stopped.is_set():
                return
            sweeping = asyncio.create_task(self._sweep(app))
            try:
                await self._worker.run()
            finally:
                sweeping.cancel()

    def _job(self, portal: str) -> None:
        self._take(portal)

    async def _sweep(self, app: App) -> None:
        """Fail the jobs of workers that are dead, stopped or cut off. Another replica may have done so first."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if self._stopped.is_set():
                self._worker.stop()  # also where `stop` came before the worker had begun
                return
            try:
                for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENT_SECONDS):
                    await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
                    self._log.warning("takeover", portal=job.lock)
            except (exceptions.ConnectorException, psycopg.Error) as error:
                self._log.warning("queue", problem=_first_line(error))


class _LogHandler(logging.Handler):
    """Puts warnings of the packages below into the controller's log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._last: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Log a warning, and not the next ones of its kind for a while."""
        kind, now = str(record.msg).partition("\n")[0], time.monotonic()
        if now - self._last.get(kind, float("-inf")) < QUIET_SECONDS:
            return
        self._last[kind] = now
        error = record.exc_info[1] if record.exc_info else None
        problem = record.getMessage().partition("\n")[0]
        self._log.warning("queue", problem=problem, error=_first_line(error) if error is not None else None)


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return str(cause).strip().partition("\n")[0] or type(cause).__name__

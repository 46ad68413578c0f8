"""Where trials run: a Dask cluster on this machine, or one that the user has."""

import signal
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.resource_tracker import ensure_running
from queue import Empty, SimpleQueue
from typing import TypeVar
from urllib.parse import urlsplit

import dask
from distributed import Client, LocalCluster

from spikewright.flow.machine import available_cores
from spikewright.golden.errors import ConfigurationError, ToolError

__all__ = ["connect"]

Answer = TypeVar("Answer")

_SCHEMES = ("tcp", "tls")
_SETTINGS = {
    # The data come with the first task: a worker that dies takes nothing away.
    "distributed.admin.large-graph-warning-threshold": "1GB",
    # Workers are brought back by their nannies. Dask looks 15 s after a worker was lost whether
    # it is there, and closes its nanny for good if it is just then away for a second time.
    "distributed.deploy.lost-worker-timeout": "365 days",
    "distributed.logging.distributed": "error",
}


@contextmanager
def connect(
    scheduler: str | None,
    *,
    workers: int | None = None,
    timeout_s: float = 10.0,
    local_fallback: bool = False,
) -> Iterator[Client]:
    """Yield a client of the cluster at ``scheduler``, or of one on this machine where it is None.

    Dask sends tasks and results as pickles, which run whatever their sender put in: take a
    scheduler and workers that you trust, over ``tls://`` where the network is not yours.

    Parameters
    ----------
    scheduler : as ``tcp://host:port``. workers : of a cluster on this machine; as many as cores.
    timeout_s : how long the scheduler may take to answer, and to have a worker.
    local_fallback : take this machine where the scheduler does not answer, with a warning.

    Raises
    ------
    ConfigurationError
        If ``scheduler`` is no address.
    ToolError
        If it does not answer in time, has no worker, or its workers lack this package.
    """
    with dask.config.set(_SETTINGS):
        if scheduler is not None:
            _check(scheduler)
            try:
                client = _remote(scheduler, timeout_s)
            except ToolError as error:
                if not local_fallback:
                    raise
                warnings.warn(f"{error}: this machine is taken", stacklevel=2)
            else:
                with client:
                    yield client
                return
        with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
            with _local(workers, folder) as cluster, Client(cluster) as client:
                yield client


def _local(workers: int | None, folder: str) -> LocalCluster:
    def begin() -> LocalCluster:
        # A terminal sends Ctrl-C to workers too, which are to be ended by the cluster. They inherit
        # what is blocked here, as do those that take the place of one that died. Python's own
        # helper unblocks it where it starts, so that is done before.
        ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        return LocalCluster(
            n_workers=workers or available_cores(),
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            local_directory=folder,
            silence_logs=50,
        )

    try:
        with ThreadPoolExecutor(1) as thread:
            begun = thread.submit(begin)
            try:
                return begun.result()
            except KeyboardInterrupt:
                begun.result().close()
                raise
    except (RuntimeError, OSError) as error:
        raise ToolError(
            "workers must start on this machine",
            found=str(error),
            action="give fewer --workers; a script of your own must begin its work under "
            'if __name__ == "__main__", since workers import it',
        ) from error


def _check(scheduler: str) -> None:
    try:
        parts = urlsplit(scheduler)
        good = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port is not None
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError(
            "the scheduler must be tcp://HOST:PORT or tls://HOST:PORT",
            found=repr(scheduler),
            where="--scheduler",
        )


def _remote(scheduler: str, timeout_s: float) -> Client:
    try:
        client = Client(scheduler, timeout=timeout_s, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ToolError(
            f"the scheduler must answer within {timeout_s:g} s",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            where=scheduler,
            action="start one with: dask scheduler, and workers with: dask worker "
            f"{scheduler}; or leave --scheduler out, or give --local-fallback",
        ) from error
    try:
        try:
            client.wait_for_workers(1, timeout=timeout_s)
        except TimeoutError as error:
            raise ToolError(
                f"the scheduler must have a worker within {timeout_s:g} s",
                found="none",
                where=scheduler,
                action=f"start one with: dask worker {scheduler}",
            ) from error
        _check_package(client, scheduler, timeout_s)
    except BaseException:
        client.close()
        raise
    return client


def _check_package(client: Client, scheduler: str, timeout_s: float) -> None:
    """The scheduler unpacks what workers are told to do, so it needs to know the names too."""

    # Inside, so that it is sent as it is: who lacks the package cannot look it up there.
    def has_package() -> bool:
        from importlib.util import find_spec

        try:
            return find_spec("spikewright") is not None
        except ImportError:
            return False

    def ask() -> list[str]:
        lacking = [name for name, has in client.run(has_package).items() if not has]
        return lacking if client.run_on_scheduler(has_package) else [*lacking, "the scheduler"]

    lacking = _in_time(ask, timeout_s, scheduler)
    if lacking:
        raise ToolError(
            "the scheduler and every worker must have spikewright installed",
            found=f"{len(lacking)} that do not: {', '.join(lacking[:3])}",
            where=scheduler,
        )


def _in_time(ask: Callable[[], Answer], timeout_s: float, scheduler: str) -> Answer:
    """What ``ask`` gives or raises; Dask itself would wait for ever for a worker that hangs."""
    answers: SimpleQueue[Answer | Exception] = SimpleQueue()

    def run() -> None:
        try:
            answers.put(ask())
        except Exception as error:  # noqa: BLE001 - raised again by who waits
            answers.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except Empty as error:
        raise ToolError(
            f"the scheduler and every worker must answer within {timeout_s:g} s",
            found="one that does not",
            where=scheduler,
            action="end workers that hang, or give a longer --timeout",
        ) from error
    if isinstance(answer, Exception):
        raise answer
    return answer

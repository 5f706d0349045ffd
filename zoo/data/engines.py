"""One function over many items, in processes or on a Ray cluster; a process that dies costs its item only."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, Literal, TypeVar

from zoo.errors import UsageError

T = TypeVar("T")
R = TypeVar("R")
KILLED = "the process that read it was killed: is there enough memory?"


def each(
    function: Callable[[T], R], items: Sequence[T], workers: int = 1, engine: Literal["processes", "ray"] = "processes"
) -> Iterator[tuple[T, R | str]]:
    """Every item with its result, as they come; a sentence instead where its process died.

    Args:
        function: of one item; it and the items can be pickled.
        workers: at a time; 1 with `processes` runs in this process.
        engine: `ray` runs on the cluster of RAY_ADDRESS, or on this machine.

    Raises:
        UsageError: ray is not installed.
    """
    if engine == "ray":
        yield from _ray(function, items, workers)
    elif workers <= 1 or len(items) <= 1:
        for item in items:
            yield item, function(item)
    else:
        yield from _processes(function, items, workers)


def _processes(function: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[tuple[T, R | str]]:
    broken: list[T] = []
    pool = _pool(min(workers, len(items)))
    try:
        for item, result in _limited(lambda item: pool.submit(function, item), items, 2 * workers):
            if isinstance(result, BrokenProcessPool):
                broken.append(item)
            else:
                yield item, result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    # the death of one process breaks the pool for all: each item that was lost gets one more try, by itself
    for item in broken:
        with _pool(1) as alone:
            future = alone.submit(function, item)
            killed = isinstance(future.exception(), BrokenProcessPool)
        yield item, KILLED if killed else future.result()


def _limited(
    submit: Callable[[T], Future[R]], items: Sequence[T], limit: int
) -> Iterator[tuple[T, R | BrokenProcessPool]]:
    """Results as they come, with so many items under way at most, so that a stop is not far away."""
    remaining = iter(items)
    running: dict[Future[R], T] = {}
    while True:
        for item in remaining:
            try:
                running[submit(item)] = item
            except BrokenProcessPool as broken:
                yield item, broken
            if len(running) >= limit:
                break
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            error = future.exception()
            if error is not None and not isinstance(error, BrokenProcessPool):
                raise error
            yield running.pop(future), error if isinstance(error, BrokenProcessPool) else future.result()


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """End with the parent, even where it is killed; leave the other cores to the other workers."""
    # read by numpy's and onnxruntime's libraries when they are loaded, and by the decoder
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    import cv2

    cv2.setNumThreads(1)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _ray(function: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[tuple[T, R | str]]:
    try:
        import ray
    except ImportError as error:
        raise UsageError("The engine 'ray' is not installed: pip install 'ray[default]', or use processes.") from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, configure_logging=False, num_cpus=None if _on_cluster() else workers)
    task: Any = ray.remote(max_retries=1)(function_of_ray)
    shared = ray.put(function)
    remaining, running = iter(items), dict[Any, T]()
    limit = max(workers, int(ray.cluster_resources().get("CPU", 1)))
    while True:
        for item in remaining:
            running[task.remote(shared, item)] = item
            if len(running) >= limit:
                break
        if not running:
            return
        done, _ = ray.wait(list(running))
        for reference in done:
            item = running.pop(reference)
            try:
                yield item, ray.get(reference)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                yield item, KILLED


def function_of_ray(function: Callable[[T], R], item: T) -> R:
    """What a Ray task runs."""
    return function(item)


def _on_cluster() -> bool:
    return bool(os.environ.get("RAY_ADDRESS"))

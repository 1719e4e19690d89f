"""The kernel that runs the notebooks headlessly: this very interpreter, none of a user's own settings."""

from __future__ import annotations

import sys
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Variables that tell NumPy, PyTorch and TensorFlow how many threads to compute in."""


class OwnKernel(AsyncKernelManager):
    """Starts the interpreter that is running now, whatever kernelspecs, profiles or settings a home holds.

    What libraries write to standard error from C goes to a log file beside the half-run notebook, not into
    the pages. With `one_thread` it computes in one thread, whatever the machine has.
    """

    folder: Path
    log_file: Path
    one_thread: bool

    @property
    def kernel_spec(self) -> KernelSpec:
        launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        quiet = ["--IPKernelApp.capture_fd_output=False", "--HistoryManager.enabled=False"]
        warnings = ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
        env = {
            "BUSI_HEADLESS": "1",
            "IPYTHONDIR": str(self.folder / "ipython"),
            "PYTHONWARNINGS": ",".join(f"ignore::{name}" for name in warnings),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        if self.one_thread:
            env |= dict.fromkeys(THREADS, "1")
        return KernelSpec(argv=launch + quiet, display_name="Python 3", language="python", env=env)

    async def _async_launch_kernel(self, kernel_cmd: list[str], **options) -> None:
        with self.log_file.open("wb") as log:
            await super()._async_launch_kernel(kernel_cmd, **(options | {"stdout": log, "stderr": log}))

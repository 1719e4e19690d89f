"""The one door to Keras: imports it without the start-up chatter of its backend.

TensorFlow prints two lines about oneDNN and CUDA from C++ before any setting can silence them, which would
stand at the top of every notebook. Errors are not hidden: they are raised as exceptions.
"""

import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _stderr_closed():
    sys.stderr.flush()
    saved = os.dup(2)
    with Path(os.devnull).open("wb") as devnull:
        os.dup2(devnull.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


with _stderr_closed():
    import keras

# Several models in one process make TensorFlow warn of retracing, which is what we ask for.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

__all__ = ["keras"]

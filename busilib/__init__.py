"""busilib: reproductions and honest evaluation of breast-ultrasound AI on BUSI. Not for clinical use."""

from importlib.metadata import version

__version__ = version("busilib")

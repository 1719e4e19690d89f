"""Sphinx extension: formulas become MathML while the book is built, so that no page loads a script for them.

Every current browser draws MathML, screen readers read it, and docutils brings the converter.
"""

from __future__ import annotations

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)


def to_mathml(latex: str, display: bool = False) -> str:
    r"""MathML of a LaTeX formula.

    Args:
        latex: the formula without dollar signs.
        display: True for a formula on its own lines.

    Raises:
        MathError: for a command that docutils does not know.

    Example:
        >>> to_mathml(r"\frac{1}{2}").startswith("<math")
        True
    """
    mathml = tex2mathml(latex.strip(), as_block=display)
    return re.sub(r"<mo([^>]*)>\|</mo>", r'<mo\1 lspace="0" rspace="0">|</mo>', mathml)  # bars set close


def _converted(node: nodes.Element, display: bool) -> str:
    try:
        return to_mathml(node.astext(), display)
    except MathError as error:
        logger.warning("formula %r: %s", node.astext(), error, location=node, type="math")
        return f"<code>{nodes.unescape(node.astext())}</code>"


def _visit_inline(translator, node: nodes.math) -> None:
    translator.body.append(translator.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    translator.body.append(_converted(node, display=False) + "</span>")
    raise nodes.SkipNode


def _visit_block(translator, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(_converted(node, display=True) + "</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

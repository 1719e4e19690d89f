/* Terms of the glossary. Their meaning shows on hover and focus (book.css). Escape puts it away again; a tap, which
   cannot hover, shows it first, and a second tap follows the link. */
document.addEventListener("DOMContentLoaded", () => {
  const terms = [...document.querySelectorAll(".term")];
  const shown = (term) => getComputedStyle(term.lastElementChild).display !== "none";
  let tapped = null;

  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") terms.filter(shown).forEach((term) => term.classList.add("put-away"));
  });
  document.addEventListener("pointerdown", ({ pointerType, target }) => {
    const here = target.closest(".term");
    tapped = pointerType !== "mouse" && here && !shown(here) ? here : null;
    terms.filter((term) => term !== here).forEach((term) => term.firstElementChild.blur());
  });
  for (const term of terms) {
    const link = term.firstElementChild;
    const anew = () => term.classList.remove("put-away");
    term.addEventListener("mouseleave", anew);
    term.addEventListener("focusout", anew);
    link.addEventListener("click", (event) => {
      if (term !== tapped) return;
      event.preventDefault();
      tapped = null;
      anew();
      link.focus();
    });
  }
});

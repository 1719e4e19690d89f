/* The sliders of the page "Explore it": each walks through the rows of the table below it. */
document.addEventListener("DOMContentLoaded", () => {
  for (const part of document.querySelectorAll(".explore")) {
    const slider = part.querySelector("input");
    const output = part.querySelector("output");
    const meters = part.querySelectorAll("meter");
    const rows = part.querySelectorAll("tbody tr");
    const show = () => {
      rows.forEach((row, place) => {
        if (place === slider.valueAsNumber) row.setAttribute("aria-current", "true");
        else row.removeAttribute("aria-current");
      });
      const { name, said, shares } = rows[slider.valueAsNumber].dataset;
      slider.setAttribute("aria-valuetext", name);
      output.textContent = said;
      shares.split(" ").forEach((share, place) => (meters[place].value = Number(share)));
    };
    slider.addEventListener("input", show);
    part.querySelector("details").open = false;
    part.querySelector(".explore-live").hidden = false;
    show();
  }
});

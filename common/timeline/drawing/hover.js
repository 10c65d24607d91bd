// Describes the batch under the pointer, or the batch that was tapped, and outlines the rows of its requests wherever
// they are. Load timeline.js before it.
'use strict';

const Hover = (() => {
  function place(tip, event) {
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8))}px`;
    const below = event.clientY + 18;
    tip.style.top = `${below + tip.offsetHeight > window.innerHeight ? Math.max(4, event.clientY - tip.offsetHeight - 12) : below}px`;
  }

  // Watches what is drawn inside `root`. `chartOf` returns the chart for the child of `root` that contains a batch.
  function watch(root, tip, chartOf) {
    const hide = () => {
      tip.hidden = true;
      for (const row of root.querySelectorAll('.row.same')) row.classList.remove('same');
    };
    const show = (event) => {
      const drawn = event.target.closest('.batch');
      if (!drawn) return hide();
      let section = drawn;
      while (section.parentNode !== root) section = section.parentNode;
      const chart = chartOf(section);
      const batch = chart.batches.find(({ number }) => String(number) === drawn.dataset.batch);
      if (!batch) return hide();
      hide();
      tip.replaceChildren(...Timeline.describe(chart, batch).map((line) => {
        const paragraph = document.createElement('p');
        paragraph.textContent = line;
        return paragraph;
      }));
      tip.hidden = false;
      place(tip, event);
      for (const [, , request] of batch.rows) {
        for (const row of section.querySelectorAll(`.row[data-request="${request}"]`)) row.classList.add('same');
      }
    };
    root.addEventListener('pointermove', show);
    root.addEventListener('pointerdown', show);
    root.addEventListener('pointerleave', hide);
  }

  return { watch };
})();

"use strict";
(() => {
  const findings = [...document.querySelectorAll(".finding")];
  const groups = [...document.querySelectorAll(".group")];
  const form = document.getElementById("filter");
  const openedByFilter = new Set();
  const texts = new Map();

  function textOf(finding) {
    if (!texts.has(finding)) texts.set(finding, finding.textContent.toLowerCase());
    return texts.get(finding);
  }

  function filter() {
    const wanted = ["status", "severity", "family", "place"].map(name => [name, form.elements[name].value]).filter(([, value]) => value);
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = wanted.length + words.length > 0;
    let shown = 0;
    for (const finding of findings) {
      finding.hidden = !(wanted.every(([name, value]) => finding.dataset[name] === value)
        && (!words.length || words.every(word => textOf(finding).includes(word))));
      shown += !finding.hidden;
    }
    for (const group of groups) {
      const all = group.querySelectorAll(".finding").length;
      const left = group.querySelectorAll(".finding:not([hidden])").length;
      group.querySelector(".count").textContent = left === all ? all : `${left} of ${all}`;
      group.hidden = left === 0;
      if (active && left && !group.open) openedByFilter.add(group);
      if (openedByFilter.has(group)) group.open = active;
    }
    if (!active) openedByFilter.clear();
    document.getElementById("shown").textContent = active ? `${shown} of ${findings.length} findings shown` : `${findings.length} findings`;
  }

  function clear() {
    form.reset();
    filter();
  }

  function reveal() {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (form && target.closest("[hidden]")) clear();
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    target.scrollIntoView();
    if (target.tagName === "DETAILS") target.querySelector("summary").focus({preventScroll: true});
  }

  function narrow(link) {
    form.reset();
    form.elements.place.value = link.dataset.place;
    form.elements.family.value = link.dataset.family;
    filter();
    document.getElementById("findings").scrollIntoView();
    form.elements.words.focus({preventScroll: true});
  }

  document.addEventListener("click", event => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    if (link.dataset.place !== undefined) { event.preventDefault(); narrow(link); return; }
    if (link.hash === location.hash) { event.preventDefault(); reveal(); }
  });
  window.addEventListener("hashchange", reveal);

  let closedBeforePrint = [];
  window.addEventListener("beforeprint", () => {
    closedBeforePrint = [...document.querySelectorAll("details:not([open])")].filter(part => !part.matches(".action, .finding[data-status=pass], .finding[data-status=not_applicable]"));
    for (const part of closedBeforePrint) part.open = true;
  });
  window.addEventListener("afterprint", () => { for (const part of closedBeforePrint) part.open = false; });

  if (form) {
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", event => event.preventDefault());
    document.getElementById("clear").addEventListener("click", clear);
    document.getElementById("open-all").addEventListener("click", () => {
      for (const finding of findings) finding.open = !finding.hidden && !!finding.closest(".group[open]");
    });
    document.getElementById("close-all").addEventListener("click", () => { for (const finding of findings) finding.open = false; });
    filter();
  }
  window.addEventListener("load", reveal);
})();

// What pages can do beside what they do without it: a theme by hand, questions before what cannot be undone, ids to copy.
"use strict";

const THEMES = ["system", "light", "dark"];
const root = document.documentElement;

function theme() {
  try {
    return THEMES.includes(localStorage.theme) ? localStorage.theme : "system";
  } catch {
    return "system"; // storage is forbidden
  }
}

function applyTheme(name) {
  if (name === "system") delete root.dataset.theme;
  else root.dataset.theme = name;
}

applyTheme(theme()); // before anything is painted

function offerThemes() {
  const button = document.getElementById("theme");
  if (!button) return;
  const label = button.querySelector("span");
  label.textContent = theme();
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(label.textContent) + 1) % THEMES.length];
    label.textContent = next;
    applyTheme(next);
    try {
      localStorage.theme = next;
    } catch {
      // it holds for this page
    }
  });
}

function askBefore() {
  const dialog = document.getElementById("sure");
  if (!dialog) return;
  let asked = null;
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.sure ?? event.target.dataset.sure;
    if (!question || event.submitter === asked) return;
    event.preventDefault();
    asked = null;
    dialog.querySelector("p").textContent = question;
    dialog.querySelector("[value=yes]").onclick = () => {
      dialog.close();
      asked = event.submitter;
      event.target.requestSubmit(event.submitter);
      asked = null;
    };
    dialog.querySelector("[value=no]").onclick = () => dialog.close();
    dialog.showModal();
  });
}

function offerCopies() {
  if (!navigator.clipboard) return; // over plain HTTP from elsewhere
  const news = document.getElementById("news");
  for (const id of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.setAttribute("aria-label", `Copy ${id.dataset.copy}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(id.dataset.copy);
      news.textContent = "Copied.";
      button.classList.add("done");
    });
    id.after(button);
  }
}

function lookAgain() {
  const waiting = document.querySelector("[data-again]");
  if (waiting) setTimeout(() => location.reload(), Number(waiting.dataset.again));
}

document.addEventListener("DOMContentLoaded", () => {
  offerThemes();
  askBefore();
  offerCopies();
  lookAgain();
});

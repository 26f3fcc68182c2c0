// Copies the field beside a button. Without this script the field can be selected by hand and the button is not shown.
"use strict";

document.documentElement.classList.add("script");
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  const field = button?.parentElement.querySelector("textarea");
  if (!field) return;
  field.select();
  // Without HTTPS there is no clipboard; the older way still works there.
  if (navigator.clipboard) navigator.clipboard.writeText(field.value);
  else document.execCommand("copy");
});

// Keeps the part of the page marked `data-fragment` up to date. Without this script the page works on reload.
"use strict";

(() => {
  const fresh = document.querySelector("[data-fragment]");
  const lamp = document.getElementById("live");
  if (!fresh || !window.EventSource) return;

  let source = null;
  let pressed = false; // between down and up of a pointer nothing is swapped, or the click would be lost
  let fetching = false;
  let again = false;

  const tell = (on) => {
    lamp.hidden = false;
    lamp.classList.toggle("lost", !on);
    const text = on ? lamp.dataset.on : lamp.dataset.off;
    if (lamp.textContent !== text) lamp.textContent = text;
  };

  const put = (text) => {
    const news = document.createElement("template");
    news.innerHTML = text;
    if (news.innerHTML.trim() === fresh.innerHTML.trim()) return; // focus and selection stay
    const focused = document.activeElement;
    const href = fresh.contains(focused) ? focused.getAttribute("href") : null;
    fresh.replaceChildren(news.content);
    if (href) fresh.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (fetching || pressed) {
      again = true;
      return;
    }
    fetching = true;
    do {
      again = false;
      try {
        const answer = await fetch(fresh.dataset.fragment, { headers: { Accept: "text/html" } });
        const text = await answer.text();
        if (pressed) {
          again = true;
          break;
        }
        if (answer.ok) put(text);
      } catch {
        again = false; // the stream's own retry calls us when the server is back
      }
    } while (again);
    fetching = false;
  };

  const release = () => {
    pressed = false;
    if (again) setTimeout(refresh, 100); // after the click
  };

  const open = () => {
    source = new EventSource(document.body.dataset.liveUrl);
    source.onopen = () => tell(true);
    source.onmessage = refresh;
    source.onerror = () => {
      tell(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(reopen, 3000);
    };
  };

  const close = () => {
    source?.close();
    source = null;
  };

  const reopen = () => {
    close();
    if (!document.hidden) open();
  };

  fresh.addEventListener("pointerdown", () => (pressed = true));
  for (const end of ["pointerup", "pointercancel", "blur"]) window.addEventListener(end, release);
  document.addEventListener("visibilitychange", reopen); // a hidden page needs no news
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && reopen());
  reopen();
})();

"""A headless Chromium that is driven over a pipe (Chrome DevTools Protocol), without any package."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
_PATIENCE_S = 60.0


class Browser:
    """One page of one browser."""

    def __init__(self):
        self._profile = tempfile.mkdtemp(prefix="convemo-chromium-")
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()

        def place():  # Chromium reads from 3 and writes to 4
            low, high = os.dup(to_child), os.dup(from_child)
            low, high = os.dup2(low, 103), os.dup2(high, 104)
            os.dup2(low, 3), os.dup2(high, 4)

        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={self._profile}"]
        flags = ["--autoplay-policy=no-user-gesture-required", "--mute-audio", "about:blank"]
        self._process = subprocess.Popen(
            [*command, *flags], preexec_fn=place, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_child), os.close(from_child)
        self._number, self._buffer, self.console, self.requests = 0, b"", [], []
        target = next(t for t in self._ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self._ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write), os.close(self._read)
        shutil.rmtree(self._profile, ignore_errors=True)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._ask(method, self._session, **parameters)

    def open(self, page: Path, fragment: str = "") -> None:
        self.ask("Page.navigate", url="about:blank")
        self.console.clear(), self.requests.clear()
        self.ask("Page.navigate", url=page.resolve().as_uri() + fragment)
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, expression: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        end = time.monotonic() + _PATIENCE_S
        while not self.run(expression):
            assert time.monotonic() < end, f"never came true: {expression}"
            time.sleep(0.05)

    def press(self, key: str, code: int = 0) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code or ord(key.upper()[0]), **text)

    def worst_contrast(self) -> dict[str, Any]:
        """Of all text on the page that which stands out least, with its contrast as WCAG 2.2 computes it."""
        return self.run(_CONTRAST)

    def _ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            if answer.get("method") == "Network.requestWillBeSent":
                self.requests.append(answer["params"]["request"]["url"])
            elif answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.console.append(answer["params"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._read], [], [], _PATIENCE_S)[0], "the browser does not answer"
            piece = os.read(self._read, 1 << 20)
            assert piece, "the browser has died"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


_CONTRAST = """(() => {
  const linear = (c) => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const parts = (c) => c.match(/[\\d.]+/g).map(Number);
  let worst = { ratio: 99 };
  for (const e of document.querySelectorAll('body *')) {
    const says = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!says || !e.getClientRects().length || e.closest('svg')) continue;
    let under = e;
    const ground = (e) => getComputedStyle(e).backgroundColor;
    while (under.parentElement && (!ground(under).startsWith('rgb') || (parts(ground(under))[3] ?? 1) < 1)) under = under.parentElement;
    const a = light(parts(getComputedStyle(e).color)), b = light(parts(ground(under)));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst.ratio) worst = { ratio, text: e.textContent.slice(0, 40), css: e.className };
  }
  return worst;
})()"""

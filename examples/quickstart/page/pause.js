// Pauses: after too many wrong tries the server looks at nothing for a while, and the button says so.

import { countdown } from "./dom.js";
import { duration } from "./words.js";

/**
 * Holds `button`, which `says` something, back while a pause runs. `key` tells what a pause is for, so that a pause of one way
 * or of one person leaves the others free; `over` is called when the one in sight ends.
 */
export function pauses(button, { key = () => "", over, says = button.textContent }) {
  const running = new Map();

  /** Shows what the button is now. */
  function press() {
    const pause = running.get(key());
    button.disabled = Boolean(pause);
    button.textContent = pause?.says ?? (typeof says === "function" ? says() : says);
  }

  /** Begins a pause for what is in sight. */
  function lock(seconds) {
    const locked = key();
    running.get(locked)?.stop();
    const pause = { says: "", stop: () => {} };
    running.set(locked, pause);
    const tick = (left) => {
      pause.says = `Wait ${duration(left)}`;
      press();
    };
    pause.stop = countdown(seconds, tick, () => {
      running.delete(locked);
      press();
      if (key() === locked) over();
    });
  }

  /** Begins the pause that an answer of the server tells of, if it does. */
  function lockBy({ code, problem }) {
    if (code === "throttled") lock(problem.retry_after ?? 30);
    else if (code === "invalid_code" && problem.retry_after) lock(problem.retry_after);
  }

  /** Ends them all. */
  function stop() {
    for (const pause of running.values()) pause.stop();
    running.clear();
    press();
  }

  return { lock, lockBy, press, stop };
}

// Every wait has an end.

/** It took too long. */
export class TimedOut extends Error {
  name = "TimedOut";
}

/**
 * What `work` gives; rejects with TimedOut after `ms`, or as soon as `signal` aborts. The work itself goes on.
 * @template T
 * @param {number} ms
 * @param {Promise<T>} work
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export function withinMs(ms, work, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => settle(reject)(new TimedOut());
    const timer = setTimeout(stop, ms);
    const settle = (end) => (value) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      end(value);
    };
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop);
    work.then(settle(resolve), settle(reject));
  });
}

/** Sleeps for `ms`, or until `signal` aborts. */
export function pause(ms, signal) {
  return withinMs(ms, new Promise(() => {}), signal).catch(() => {});
}

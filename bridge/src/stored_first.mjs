// Encrypting uses a chat's keys up. Baileys stores that only after the message went out: a bridge that dies in between
// uses the same keys again, and then neither side can read what the other writes. Here it is stored before.
import { AsyncLocalStorage } from "node:async_hooks";

// Baileys keeps its transactions there: what runs here is in none of them, and is stored when it returns.
const outside = AsyncLocalStorage.snapshot();

/** What Baileys is to encrypt with, changed so. */
export function storedFirst(repository) {
  for (const name of ["injectE2ESession", "encryptMessage"]) {
    const original = repository[name].bind(repository);
    repository[name] = (what) => outside(original, what);
  }
  return repository;
}

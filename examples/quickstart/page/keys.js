// Passkeys and security keys: whether there are any here, and what is said of them.

/** Whether this browser has them, at this address: one in numbers has none. */
export const hasKeys = "PublicKeyCredential" in window && !/^[\d.]+$|:/.test(location.hostname);

/** Whether one of these ways to answer is a key that can be used here. */
export const offersKey = (methods) => hasKeys && methods.some(({ type }) => type === "webauthn");

export const kinds = {
  passkey: {
    name: "Passkey",
    title: "Add a passkey",
    label: "Name of this passkey",
    like: "like “My laptop”; you can change it later",
    about: "It is kept by this device or by your password manager, and is opened by your fingerprint, face or PIN. It signs you in without your password.",
    todo: "Your browser asks where to keep it, and for your fingerprint, face or PIN.",
    added: "The passkey is added. You were signed out everywhere else.",
    only: "on this device only",
    removed: "Delete it in your password manager, too, if it is still there.",
  },
  security_key: {
    name: "Security key",
    title: "Add a security key",
    label: "Name of this key",
    like: "like “Blue key”; you can change it later",
    about: "It is a small device that you plug in or hold to your phone. It confirms that it is you after your password.",
    todo: "Have the key ready. Your browser tells you when to plug it in and touch it.",
    added: "The security key is added. You were signed out everywhere else.",
    only: "on this key only",
    removed: "It can be used elsewhere as before.",
  },
};

/** What a bound key is called, and what is known of it. */
export function aboutKey({ kind, model, synced }) {
  const { name, only } = kinds[kind] ?? kinds.security_key;
  return [name, model, synced === undefined ? null : synced ? "synced" : only];
}

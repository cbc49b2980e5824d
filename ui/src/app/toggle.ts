/** Whether one of the shell's layers is open: set from keys, buttons, and other layers. */

import { useSyncExternalStore } from "react";

export interface Toggle {
  isOpen: () => boolean;
  setOpen: (open: boolean) => void;
  use: () => boolean;
}

export function toggle(): Toggle {
  let open = false;
  const listeners = new Set<() => void>();
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const isOpen = () => open;
  return {
    isOpen,
    setOpen: (next) => {
      open = next;
      for (const listener of listeners) listener();
    },
    use: () => useSyncExternalStore(subscribe, isOpen),
  };
}

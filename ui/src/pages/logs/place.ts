/** Which rows are in sight. A store of its own, so that scrolling draws the rows and the status line, nothing else. */

import { useSyncExternalStore } from "react";

export interface Place {
  first: number;
  last: number;
}

export class PlaceStore {
  private place: Place = { first: 0, last: 0 };
  private readonly listeners = new Set<() => void>();

  readonly get = (): Place => this.place;
  readonly set = (first: number, last: number): void => {
    if (first === this.place.first && last === this.place.last) return;
    this.place = { first, last };
    for (const listener of this.listeners) listener();
  };
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

export const usePlace = (store: PlaceStore): Place => useSyncExternalStore(store.subscribe, store.get);

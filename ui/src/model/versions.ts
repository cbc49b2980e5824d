/** Which version of a service runs where, since when; and what was deployed. */

import { type Nanos, NS_PER_S, subtract } from "./time";

/** An instance as a version, first and last heard. */
export interface Sighting {
  service: string;
  version: string | null;
  instance: string | null;
  first: Nanos;
  last: Nanos;
}

export interface VersionUse {
  version: string;
  first: Nanos;
  last: Nanos;
  /** Instances that run it now. */
  instances: number;
}

export interface ServiceVersions {
  service: string;
  /** The latest to have appeared that still runs, null when nobody says. */
  current: VersionUse | null;
  /** Newest first. */
  versions: VersionUse[];
  /** Instances heard lately, whatever their version. */
  instances: number;
}

export interface Deploy {
  service: string;
  at: Nanos;
  from: string;
  to: string;
  /** Instances with the new version, and all. */
  instances: number;
  all: number;
}

/** An instance not heard for this long has ended, or its new version has begun. */
const ALIVE = 600n * NS_PER_S;

export function versionsOf(sightings: readonly Sighting[]): Map<string, ServiceVersions> {
  const services = new Map<string, Sighting[]>();
  for (const one of sightings) {
    const own = services.get(one.service);
    if (own) own.push(one);
    else services.set(one.service, [one]);
  }
  return new Map([...services].map(([service, own]) => [service, ofService(service, own)]));
}

function ofService(service: string, sightings: Sighting[]): ServiceVersions {
  const latest = sightings.reduce((max, one) => (one.last > max ? one.last : max), 0n as Nanos);
  // The same instance may have been two versions: it is the later one.
  const running = new Map<string, Sighting>();
  for (const one of sightings) {
    if (latest - one.last > ALIVE) continue;
    const before = running.get(one.instance ?? "");
    if (!before || one.first > before.first) running.set(one.instance ?? "", one);
  }
  const uses = new Map<string, VersionUse>();
  for (const one of sightings) {
    if (one.version === null || one.version === "") continue;
    const use = uses.get(one.version) ?? { version: one.version, first: one.first, last: one.last, instances: 0 };
    uses.set(one.version, { ...use, first: one.first < use.first ? one.first : use.first, last: one.last > use.last ? one.last : use.last });
  }
  for (const one of running.values()) {
    const use = uses.get(one.version ?? "");
    if (use) use.instances++;
  }
  const versions = [...uses.values()].sort((a, b) => (a.first > b.first ? -1 : 1));
  return { service, versions, current: versions.find((use) => use.instances > 0) ?? versions[0] ?? null, instances: running.size };
}

/** Versions that came after another of the same service, within `from` and `to`; newest first. */
export function deploysOf(services: ReadonlyMap<string, ServiceVersions>, from: Nanos, to: Nanos): Deploy[] {
  const deploys: Deploy[] = [];
  for (const { service, versions, instances } of services.values()) {
    versions.forEach((use, index) => {
      const before = versions[index + 1];
      if (!before || use.first < from || use.first >= to || subtract(use.first, before.first) <= 0n) return;
      deploys.push({ service, at: use.first, from: before.version, to: use.version, instances: use.instances, all: instances });
    });
  }
  return deploys.sort((a, b) => (a.at > b.at ? -1 : 1));
}

/** Verticals of charts: each names its service unless all are of one. */
export function marksOf(deploys: readonly Deploy[], only: readonly string[]): { at: Nanos; kind: "deploy"; label: string }[] {
  const own = only.length === 0 ? deploys : deploys.filter((deploy) => only.includes(deploy.service));
  return own.map((deploy) => ({ at: deploy.at, kind: "deploy", label: only.length === 1 ? deploy.to : `${deploy.service} ${deploy.to}` }));
}

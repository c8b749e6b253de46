import { lstatSync } from 'node:fs';
import { S_IFDIR } from '../../abi/uapi/index.ts';
import type { System } from '../../kernel/index.ts';

/**
 * Folders that say where things are, and nothing by themselves: programs see what the host has in them and what the machine has. What
 * is deeper belongs to one device, driver or class.
 */
const SKELETON = [
  /^\/sys\/(class|bus|devices|dev|kernel|module|firmware|fs|power|block)$/,
  /^\/sys\/(class|dev|bus)\/[^/]+$/,
  /^\/sys\/bus\/[^/]+\/(devices|drivers)$/,
  /^\/sys\/devices\/(virtual|platform|system)$/,
  /^\/sys\/devices\/virtual\/[^/]+$/,
  /^\/proc\/sys(\/.*)?$/,
];

/** Where the host has a file system of the same kind. Other mounts of the machine hide what the host has there. */
export const SHARED: readonly string[] = ['/', '/dev', '/proc', '/sys'];

function isFolderOfHost(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/**
 * Which paths programs find in the machine instead of the host: device nodes, mounts, folders that drivers claim, and in /sys and /proc each name that the machine
 * has and that is not just a folder of the skeleton which the host has, too. Of /proc itself the host's files stay, and all processes.
 */
export class EmulatedPaths {
  readonly #tops = new Set<string>();

  constructor(system: System) {
    const { vfs } = system;
    for (const path of system.devices.nodePaths) this.#tops.add(`/dev/${path.split('/')[0]}`);
    const mounts = vfs.mounts.map(({ path }) => path);
    for (const path of mounts) if (!SHARED.includes(path)) this.#tops.add(path);
    for (const path of vfs.claimed) this.#tops.add(path);
    for (const top of ['/sys', '/proc']) if (mounts.includes(top)) this.#addFrom(system, top);
  }

  #addFrom(system: System, folder: string): void {
    for (const { name, type } of system.vfs.namesIn(folder)) {
      const path = `${folder}/${name}`;
      if (this.#tops.has(path)) continue;
      if (folder === '/proc' && (name === 'self' || /^\d+$/.test(name))) continue;
      if (type === S_IFDIR && SKELETON.some((place) => place.test(path)) && isFolderOfHost(path)) this.#addFrom(system, path);
      else if (folder !== '/proc' || lstatSync(path, { throwIfNoEntry: false }) === undefined) this.#tops.add(path);
    }
  }

  /** The paths below which everything is the machine's. */
  get tops(): Iterable<string> {
    return this.#tops;
  }

  /** @param path absolute, without symlinks on the way */
  has(path: string): boolean {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) if (this.#tops.has(path.slice(0, end))) return true;
    return false;
  }
}

/** kernel/params.c: what /sys/module shows of drivers that are built in. */
import { kstrtoint } from './parse.ts';
import type { System } from './system.ts';

/** A value that root may change while the machine runs, as module_param with mode 0644: looked at whenever it counts. */
export interface IntegerParameter {
  value: number;
}

/**
 * Shows a module with parameters of type int in /sys/module/NAME/parameters.
 *
 * @param parameters by name, with the values they begin with
 * @throws Errno EEXIST when there is a module of that name
 */
export function addModule<K extends string>(
  system: System,
  name: string,
  parameters: Readonly<Record<K, number>>,
): Readonly<Record<K, IntegerParameter>> {
  const folder = system.deviceModel.modules.createDirectory(name);
  folder.createFile({ name: 'uevent', mode: 0o200, store: () => {} });
  const files = folder.createDirectory('parameters');
  const values = {} as Record<K, IntegerParameter>;
  for (const [key, value] of Object.entries(parameters) as [K, number][]) {
    const parameter: IntegerParameter = { value };
    values[key] = parameter;
    files.createFile({
      name: key,
      mode: 0o644,
      show: () => `${parameter.value}\n`,
      store(text) {
        parameter.value = kstrtoint(text);
      },
    });
  }
  return values;
}

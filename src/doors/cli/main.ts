#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { boards } from '../../boards/index.ts';
import { checkedFault, type Fault, parseFault } from '../../kernel/index.ts';
import { EVICTIONS } from '../../memory/index.ts';
import { doctor } from './doctor/doctor.ts';
import { type ExperimentOptions, listExperiments, runExperiment } from './experiment.ts';
import { type ListOptions, ls } from './ls.ts';
import { type MountCommandOptions, mount } from './mount.ts';
import { Refusal } from './program.ts';
import { EXIT_BROKEN_RULES, EXIT_REFUSED, type RunOptions, run } from './run.ts';
import { type ServeOptions, serve } from './serve.ts';

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('not a whole number.');
  return value;
}

function fault(text: string, earlier: readonly Fault[] = []): readonly Fault[] {
  try {
    return [...earlier, checkedFault(parseFault(text))];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new InvalidArgumentError(error.message);
  }
}

const boardOption = () =>
  new Option('--board <name>', 'the machine: a name that "ioctopus boards" lists, or the path of a module').default('generic');
const seedOption = () =>
  new Option('--seed <number>', 'decides what the machine leaves to chance: the same seed, the same choices')
    .argParser(wholeNumber)
    .default(1);
const timeOption = () =>
  new Option('--time <mode>', 'how time passes: as on the host, or in jumps while all programs only wait')
    .choices(['real', 'warp'])
    .default('real');
const evictionOption = () =>
  new Option('--eviction <mode>', "whether the CPU's caches lose lines on their own, on boards whose devices do not see them")
    .choices(EVICTIONS)
    .default('off');
const straceOption = () => new Option('--strace', 'print each call on the machine, decoded, to standard error');
const faultOption = () =>
  new Option('--fault <fault>', 'let a service of the kernel fail, as "alloc:nth=3:ENOMEM"; may be given several times').argParser(fault);
const strictOption = () =>
  new Option(
    '--strict',
    `exit with ${EXIT_BROKEN_RULES} when the program went well, but a rule of the kernel was broken or something was left; tell what came before`,
  );
/** A machine that is served has been configured by its server. */
const connectOption = (...others: string[]) =>
  new Option('--connect <socket>', 'join the machine that "ioctopus serve" serves there, instead of booting one').conflicts(others);

/** Options of a command that boots a machine for native programs. */
const bootOptions = () => [boardOption(), seedOption(), timeOption(), evictionOption(), straceOption(), faultOption(), strictOption()];

function withOptions(command: Command, options: readonly Option[]): Command {
  for (const option of options) command.addOption(option);
  return command;
}

const program = new Command('ioctopus')
  .description('Linux device nodes without the hardware and without the kernel')
  .enablePositionalOptions()
  .addHelpText(
    'after',
    `
To begin with:
  ioctopus ls                            the device nodes of the machine "generic"
  ioctopus run -- ./program              a program that finds them under /dev
  ioctopus mount /tmp/machine            a folder that shell tools find them in
  ioctopus serve --socket /tmp/m.sock    one machine for several of these, each with --connect /tmp/m.sock

ioctopus COMMAND --help says more.`,
  );

withOptions(program.command('run'), bootOptions())
  .summary('run a program with the device nodes of a machine')
  .description('run a program, unmodified, so that it finds the device nodes of a machine at /dev; its exit status becomes ours')
  .addOption(connectOption('board', 'seed', 'time', 'eviction', 'strace', 'fault', 'strict'))
  .argument('<command...>', 'the program and its arguments; put -- before them')
  .passThroughOptions()
  .addHelpText(
    'after',
    `
Examples:
  ioctopus run -- ls -l /dev/dma_heap
  ioctopus run --strace --board ./board.ts -- ./program --its-option
  ioctopus run --connect /tmp/m.sock -- ./program

A program that cannot be served (static, setuid, another C library) is refused with exit status ${EXIT_REFUSED}.`,
  )
  .action(async (command: string[], options: RunOptions) => {
    process.exitCode = await run(command, options);
  });

program
  .command('mount')
  .summary('show the file tree of a machine at a folder')
  .description('show the file tree of a machine at a folder, for shell tools, until Ctrl-C or the end of a command')
  .addOption(boardOption())
  .addOption(seedOption())
  .addOption(straceOption())
  .addOption(faultOption())
  .addOption(strictOption())
  .addOption(connectOption('board', 'seed', 'strace', 'fault', 'strict'))
  .argument('<folder>', 'an empty folder')
  .argument('[command...]', 'a program and its arguments, which also has the device nodes as under "run"; put -- before them')
  .addHelpText(
    'after',
    `
Examples:
  ioctopus mount /tmp/machine            then, in another terminal: ls /tmp/machine/dev
  ioctopus mount /tmp/machine -- sh      a shell that has the nodes at /dev, too
  ioctopus mount /tmp/machine --connect /tmp/m.sock`,
  )
  .action(async (folder: string, command: string[], options: MountCommandOptions) => {
    process.exitCode = await mount(folder, command, options);
  });

withOptions(program.command('serve'), bootOptions())
  .summary('boot one machine for several programs and mounts')
  .description('boot one machine for several programs, mounts and TypeScript programs, until Ctrl-C')
  .requiredOption('--socket <path>', 'where they join it: a Unix socket, which is made; only you, and root, may connect')
  .addHelpText(
    'after',
    `
Who joins, each in a terminal of its own:
  ioctopus serve --socket /tmp/m.sock
  ioctopus run --connect /tmp/m.sock -- ./program
  ioctopus mount /tmp/machine --connect /tmp/m.sock
  ioctopus ls --connect /tmp/m.sock
and in TypeScript: const machine = await connect('/tmp/m.sock')

What one of them holds of the machine is released when it ends. When the server ends, calls of all of them fail with ENODEV.`,
  )
  .action(async (options: ServeOptions) => {
    process.exitCode = await serve(options);
  });

program
  .command('ls')
  .summary('list the device nodes of a machine')
  .description('list the device nodes of a machine: permissions, owner, device number, path, class or bus, driver')
  .addOption(boardOption())
  .addOption(connectOption('board'))
  .argument('[path]', 'what to list instead: a folder or file of the machine')
  .addHelpText(
    'after',
    `
Examples:
  ioctopus ls --board ./board.ts
  ioctopus ls /sys/class
  ioctopus ls --connect /tmp/m.sock`,
  )
  .action(async (path: string | undefined, options: ListOptions) => {
    process.exitCode = await ls(path, options);
  });

program
  .command('boards')
  .summary('list the machines that there are by name')
  .description('list the machines that there are by name; a board of your own is the path of its module')
  .action(() => {
    for (const [name, make] of Object.entries(boards)) console.log(`${name}\t${make().description}`);
  });

const experiment = program.command('experiment').summary('compare designs').description('run one script over several variants of a design');
experiment
  .command('list')
  .description('list the experiments that there are')
  .action(() => listExperiments());
experiment
  .command('run', { isDefault: true })
  .description('run an experiment and print its table')
  .addOption(seedOption())
  .addOption(new Option('--json', 'print JSON instead'))
  .argument('<name>', 'one that "ioctopus experiment list" lists')
  .action((name: string, options: ExperimentOptions) => runExperiment(name, options));

program
  .command('doctor')
  .summary('check what this host lacks')
  .description('try what native programs and mounts need of this host, and say what is in the way and what to do about it')
  .action(() => {
    process.exitCode = doctor();
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`ioctopus: ${error.message}\n`);
  process.exitCode = EXIT_REFUSED;
}

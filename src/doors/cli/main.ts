#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { boards } from '../../boards/index.ts';
import { checkedFault, type Fault, parseFault } from '../../kernel/index.ts';
import { doctor } from './doctor/doctor.ts';
import { mount } from './mount.ts';
import { Refusal } from './program.ts';
import { type BootOptions, EXIT_REFUSED, type RunOptions, run } from './run.ts';

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('not a whole number.');
  return value;
}

function fault(text: string, earlier: readonly Fault[]): readonly Fault[] {
  try {
    return [...earlier, checkedFault(parseFault(text))];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new InvalidArgumentError(error.message);
  }
}

const FAULT = 'let a service of the kernel fail, as "alloc:nth=3:ENOMEM"; may be given several times';
const STRICT = 'exit with 123 when the program went well but a rule of the kernel was broken or something was left; tell what came before';

const program = new Command('ioctopus')
  .description('Linux device nodes without the hardware and without the kernel')
  .enablePositionalOptions();

program
  .command('run')
  .description('run a program, unmodified, with the device nodes of a machine')
  .option('--board <name>', 'the machine: a name that "ioctopus boards" lists, or the path of a module', 'generic')
  .option('--seed <number>', 'of every choice that the machine makes', wholeNumber, 1)
  .addOption(
    new Option('--time <mode>', 'how time passes: as on the host, or in jumps while the program and its children only wait')
      .choices(['real', 'warp'])
      .default('real'),
  )
  .option('--strace', 'print each call on the device nodes, decoded, to standard error', false)
  .option('--fault <fault>', FAULT, fault, [])
  .option('--strict', STRICT, false)
  .argument('<command...>', 'the program and its arguments; put -- before them')
  .passThroughOptions()
  .action(async (command: string[], options: RunOptions) => {
    process.exitCode = await run(command, options);
  });

program
  .command('mount')
  .description('show the file tree of a machine at a folder, for shell tools, until a signal or the end of a command')
  .option('--board <name>', 'the machine: a name that "ioctopus boards" lists, or the path of a module', 'generic')
  .option('--seed <number>', 'of every choice that the machine makes', wholeNumber, 1)
  .option('--strace', 'print each call on the machine, decoded, to standard error', false)
  .option('--fault <fault>', FAULT, fault, [])
  .option('--strict', STRICT, false)
  .argument('<folder>', 'an empty folder')
  .argument('[command...]', 'a program and its arguments, which also has the device nodes as under "run"; put -- before them')
  .action(async (folder: string, command: string[], options: BootOptions) => {
    process.exitCode = await mount(folder, command, options);
  });

program
  .command('boards')
  .description('list the machines')
  .action(() => {
    for (const [name, make] of Object.entries(boards)) console.log(`${name}\t${make().description}`);
  });

program
  .command('doctor')
  .description('say what on this machine would get in the way of native programs')
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

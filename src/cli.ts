import { parseArgs } from 'node:util';
import { loadConfig } from './config.ts';
import { toTaskError, UserError } from './core/errors.ts';
import * as commands from './terminal/commands.ts';
import { type CommandContext, exitCodes } from './terminal/context.ts';
import { demo } from './terminal/demo.ts';
import { doctor } from './terminal/doctor.ts';
import { buildImage } from './terminal/image.ts';
import { tokenCommand, userCommand } from './terminal/users.ts';

const usage = `Trainyard turns a sentence into a running ML pipeline.

  trainyard start                      serve page and API on this machine
  trainyard run "<message>"            say what you want; plan, run and watch it
  trainyard plan "<message>"           show the plan and run nothing
  trainyard plan --batch               JSON lines {id, turns} from stdin to {id, replies}
  trainyard submit FILE [--wait]       run a pipeline given as JSON
      --input NAME=VALUE               a global input beside the file's own (repeatable)
      --fresh                          run again what an earlier run has a result of
  trainyard status [ID]                how pipelines stand
  trainyard tasks [NAME]               what tasks there are, or one of them
  trainyard image build                make the image that tasks run in (TRAINYARD_ISOLATION=docker)
      --cuda VERSION                   PyTorch's build: 13.0, 12.6 or none; by default as the driver has it
  trainyard user add NAME [--role R]   let somebody in: admin, member or viewer; asks for a password
  trainyard user list | role NAME R | password NAME | disable NAME | enable NAME
  trainyard token create NAME --user U [--scope read,write] [--days 90]   a token for programs; shown once
  trainyard token list --user U | revoke ID --user U
  trainyard doctor                     check what Trainyard needs, with what to do
  trainyard demo                       finetune, quantize and evaluate the built-in model

  --json     print JSON alone on stdout
  --help     this text

Exit codes: 0 succeeded, 1 failed, 2 wrong input, 130 interrupted.`;

const options = {
  json: { type: 'boolean', default: false },
  wait: { type: 'boolean', default: false },
  fresh: { type: 'boolean', default: false },
  cuda: { type: 'string' },
  role: { type: 'string', default: 'member' },
  user: { type: 'string' },
  scope: { type: 'string', default: 'read,write' },
  days: { type: 'string', default: '90' },
  batch: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  input: { type: 'string', multiple: true, default: [] as string[] },
} as const;

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  const [command, ...rest] = positionals;
  if (values.help || command === undefined) {
    process.stdout.write(`${usage}\n`);
    return values.help ? exitCodes.succeeded : exitCodes.wrongInput;
  }
  const context = createContext(values.json);
  switch (command) {
    case 'start':
      return commands.start(context);
    case 'run':
      return commands.run(required(rest, 'run "<message>"'), context);
    case 'plan':
      return values.batch ? commands.planBatch(context) : commands.plan(required(rest, 'plan "<message>"'), context);
    case 'submit':
      return commands.submit(required(rest, 'submit FILE'), values.input, values, context);
    case 'status':
      return commands.status(rest[0], context);
    case 'tasks':
      return commands.tasks(rest[0], context);
    case 'image':
      return buildImage(required(rest, 'image build'), values.cuda, context);
    case 'doctor':
      return doctor(context);
    case 'user':
      return userCommand(rest, values, context);
    case 'token':
      return tokenCommand(rest, values, context);
    case 'demo':
      return demo(context);
    default:
      throw new UserError('unknown_command', `There is no command "${command}".`, {
        hint: 'trainyard --help lists them.',
      });
  }
}

function readArguments() {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (cause) {
    throw new UserError('wrong_arguments', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function required([value]: string[], form: string): string {
  if (value !== undefined && value.trim() !== '') return value;
  throw new UserError('wrong_arguments', `Something is missing: trainyard ${form}`);
}

const interrupted = new AbortController();

/** Nobody may be reading any more (`trainyard status | head -1`): that is no reason to stop working. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/** The first Ctrl-C asks for an orderly end, the second one ends at once. */
function createContext(json: boolean): CommandContext {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(exitCodes.interrupted);
      interrupted.abort(new UserError('interrupted', 'Interrupted.'));
    });
  }
  const human = json ? process.stderr : process.stdout;
  return {
    config: loadConfig(),
    json,
    say: (text) => void human.write(`${text}\n`),
    print: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
    signal: interrupted.signal,
  };
}

function report(error: unknown): number {
  // Whatever failed on the way out of an interrupted command failed because of that.
  if (interrupted.signal.aborted) {
    process.stderr.write('Interrupted.\n');
    return exitCodes.interrupted;
  }
  const { kind, message, hint } = toTaskError(error);
  const text = kind === 'bug' && error instanceof Error ? (error.stack ?? message) : message;
  process.stderr.write(`${text}${hint === undefined ? '' : `\n${hint}`}\n`);
  return kind === 'user' ? exitCodes.wrongInput : exitCodes.failed;
}

process.exitCode = await main().catch(report);

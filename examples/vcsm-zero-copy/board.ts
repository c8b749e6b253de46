import { raspberrypi4 } from 'ioctopus';

/** Where the VPU's column begins: right of what `--strace` says of the program. */
const COLUMN = 80;

/**
 * A Raspberry Pi whose VPU writes a line into each frame that it is given, and shows it until it is given the next one. Its log goes to
 * standard error, at the right.
 */
export default () =>
  raspberrypi4({
    onBoot({ videocore }) {
      let shown: number | undefined;
      videocore.onLog = (line) => process.stderr.write(`${' '.repeat(COLUMN)}| VPU ${line}\n`);
      videocore.script.onImport = (handle) => {
        videocore.hold(handle);
        videocore.write(handle, 0, Buffer.from('a frame from the VPU\0'));
        videocore.note(`SHOW handle ${handle.toString(16)}: a line is drawn into it, and a reference kept`);
        if (shown !== undefined) videocore.unhold(shown);
        shown = handle;
      };
    },
  });

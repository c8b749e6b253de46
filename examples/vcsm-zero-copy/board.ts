import { raspberrypi4 } from 'ioctopus';

/** Where the VPU's column begins: right of what `--strace` says of the program. */
const COLUMN = 80;

const toStandardError = (line: string) => process.stderr.write(`${' '.repeat(COLUMN)}| VPU ${line}\n`);

/**
 * A Raspberry Pi whose VPU writes a line into each frame that it is given, and shows it until it is given the next one.
 *
 * @param say told of each line of the VPU's log
 */
export default (say: (line: string) => void = toStandardError) =>
  raspberrypi4({
    onBoot({ videocore }) {
      let shown: number | undefined;
      videocore.onLog = say;
      videocore.script.onImport = (handle) => {
        videocore.hold(handle);
        videocore.write(handle, 0, Buffer.from('a frame from the VPU\0'));
        videocore.note(`SHOW handle ${handle.toString(16)}: a line is drawn into it, and a reference kept`);
        if (shown !== undefined) videocore.unhold(shown);
        shown = handle;
      };
    },
  });

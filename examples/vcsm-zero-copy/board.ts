import { raspberrypi4 } from 'ioctopus';

/**
 * A Raspberry Pi whose VPU writes a line into each frame that it is given, and shows it until it is given the next one. Its log goes to
 * standard error.
 */
export default () =>
  raspberrypi4({
    onBoot({ videocore }) {
      let shown: number | undefined;
      videocore.onLog = (line) => process.stderr.write(`VPU ${line}\n`);
      videocore.script.onImport = (handle) => {
        videocore.hold(handle);
        videocore.write(handle, 0, Buffer.from('a frame from the VPU\0'));
        if (shown !== undefined) videocore.unhold(shown);
        shown = handle;
      };
    },
  });

import { raspberrypi4 } from 'ioctopus';

/** A Raspberry Pi whose VPU writes the handle into all memory that it is given, at byte 100. */
export default () =>
  raspberrypi4({
    onBoot({ videocore }) {
      videocore.script.onImport = (handle) => videocore.write(handle, 100, Buffer.from(`by the VPU, as ${handle.toString(16)}\0`));
    },
  });

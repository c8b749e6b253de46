import { raspberrypi4 } from 'ioctopus';

/** A Raspberry Pi with the driver of a kernel for 32-bit Arm, which maintains caches for programs; its VPU writes into what it is given. */
export default () =>
  raspberrypi4({
    revision: 'R2',
    cacheRequests: true,
    onBoot({ videocore }) {
      videocore.script.onImport = (handle) => videocore.write(handle, 100, Buffer.from('by the VPU\0'));
    },
  });

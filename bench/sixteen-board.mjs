/** A machine with one device, /dev/sixteen, whose reads give 16 bytes at once. */
const bytes = new Uint8Array(16).fill(0x61);

export default {
  name: 'sixteen',
  description: 'a device to measure reads with',
  setUp({ system }) {
    system.devices.addMisc({
      name: 'sixteen',
      mode: 0o444,
      ops: {
        *read(_file, to) {
          return yield* to.put(bytes);
        },
      },
    });
  },
};

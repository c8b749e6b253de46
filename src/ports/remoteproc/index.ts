/** What crosses the wire between Linux and a remote processor: resource tables, the entry of its firmware, its control registers. */
export * from './entry-block.ts';
export * from './registers.ts';
export * from './resource-table.ts';

export const roundedUp = (value: number, to: number): number => Math.ceil(value / to) * to;

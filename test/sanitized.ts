/** Whether `npm run test:sanitized` runs: each buffer is an allocation of its own then. */
export const sanitized = process.env.LD_PRELOAD?.includes('libasan') === true;

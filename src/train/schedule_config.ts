import * as z from 'zod';
import { readConfigFile } from '../config_file.js';

const positive = z.number().positive();
const count = z.int().min(1);

/** S: the learning rate of each epoch. */
const scheduleSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('StepLR'), step_size: count, gamma: positive }),
  z.strictObject({
    name: z.literal('MultiStepLR'),
    milestones: z.array(count).min(1),
    gamma: positive,
  }),
  z.strictObject({ name: z.literal('ExponentialLR'), gamma: positive }),
]);

export type ScheduleConfig = z.output<typeof scheduleSchema>;

/** Reads S; throws an InputError naming file, field, expected and found. */
export function readScheduleConfig(file: string): ScheduleConfig {
  return readConfigFile(file, scheduleSchema);
}

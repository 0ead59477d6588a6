export function bundleSpecs(outfile: string): Promise<void>;

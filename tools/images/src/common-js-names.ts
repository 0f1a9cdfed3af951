// What packages that are no ES modules find as their own file's name and folder: the bundle's.

export const __filename = import.meta.filename
export const __dirname = import.meta.dirname

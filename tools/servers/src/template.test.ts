import { describe, expect, it } from '@jest/globals'
import { fillTemplate } from './template.ts'

describe('fillTemplate', () => {
  it('replaces every name by its value', () => {
    expect(fillTemplate('a=${PORT},${PORT}\nb=${DATA_FOLDER}/x', { PORT: 1, DATA_FOLDER: '/d' }, 'f')).toBe('a=1,1\nb=/d/x')
  })

  it('refuses a name without a value, also one that every object has', () => {
    expect(() => fillTemplate('${PORT}', {}, 'kafka.properties')).toThrow('kafka.properties asks for ${PORT}')
  })

  it('refuses a value that the file has no place for', () => {
    expect(() => fillTemplate('port 1', { PORT: 1 }, 'redis.conf')).toThrow('redis.conf has no place for PORT')
  })
})

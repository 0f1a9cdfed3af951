// Who starts a program from its folder gets what the container would have.
import { expect, it } from '@jest/globals'
import { imageEnvironment } from './image-start.ts'

it('has the variables of the image, and what its command line gives Node', () => {
  expect(imageEnvironment()).toEqual({ NODE_ENV: 'production', MALLOC_ARENA_MAX: '2', NODE_OPTIONS: '--max-old-space-size-percentage=60 --max-semi-space-size=4' })
})

import { z } from 'zod';
import { pipelineSchema } from '../../core/pipeline.ts';
import { jsonSchemaOf } from './document.ts';

/**
 * A pipeline, described and not checked at the door: the service says everything that is wrong with it at once, with
 * the nearest names.
 */
export const pipelineBody = z.unknown().meta(jsonSchemaOf(pipelineSchema, 'input'));

// SPDX-License-Identifier: Apache-2.0

/* A media type without its parameters. */
export const media = (type: string): string => type.split(";")[0]!.trim().toLowerCase();
export const isForm = (type: string): boolean => /^(application\/x-www-form-urlencoded|multipart\/form-data)$/.test(media(type));

import { sql } from 'kysely'
import type { Queryable } from './database.ts'

type Column = {
  table: string
  name: string
  type: string
  isNullable: boolean
  isGenerated: boolean
  fallback: string | null
}
type Definition = { table: string; definition: string }

const HEADER = `-- Generated from migrations/ by npm run schema; the test suite compares it with every database.
set check_function_bodies = off; -- some name tables that come later
`

/** The schema of the service as SQL, the same text on every database; what `schema.sql` holds. */
export async function describeSchema(db: Queryable): Promise<string> {
  const [functions, options, columns, constraints, indexes, triggers, comments] = [
    await functionsOf(db),
    await optionsOf(db),
    await columnsOf(db),
    await constraintsOf(db),
    await indexesOf(db),
    await triggersOf(db),
    await commentsOf(db),
  ]
  const of = (table: string, definitions: Definition[]) =>
    definitions.filter(each => each.table === table).map(({ definition }) => definition)
  const tables = [...new Set(columns.map(({ table }) => table))].map(table => {
    const lines = [...columns.filter(each => each.table === table).map(describeColumn), ...of(table, constraints)]
    const settings = of(table, options).map(text => ` with (${text})`)
    return [
      `create table ${table} (\n${lines.map(line => `  ${line}`).join(',\n')}\n)${settings.join('')};`,
      ...of(table, indexes),
      ...of(table, triggers),
      ...of(table, comments),
    ].join('\n')
  })
  return `${[HEADER + functions.join('\n'), ...tables].join('\n\n')}\n`
}

const describeColumn = ({ name, type, isNullable, isGenerated, fallback }: Column): string => {
  const value = isGenerated ? ` generated always as (${fallback}) stored` : ` default ${fallback}`
  return `${name} ${type}${isNullable ? '' : ' not null'}${fallback === null ? '' : value}`
}

async function functionsOf(db: Queryable): Promise<string[]> {
  const { rows } = await sql<{ definition: string }>`
    select pg_get_functiondef(oid) as definition from pg_proc
    where pronamespace = 'public'::regnamespace order by proname`.execute(db)
  return rows.map(({ definition }) => `${definition.trim()};`)
}

async function optionsOf(db: Queryable): Promise<Definition[]> {
  const { rows } = await sql<Definition>`
    select relname as table, array_to_string(reloptions, ', ') as definition from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'r' and reloptions is not null`.execute(db)
  return rows
}

async function columnsOf(db: Queryable): Promise<Column[]> {
  const { rows } = await sql<Column>`
    select relname as table, attname as name, format_type(atttypid, atttypmod) as type,
      not attnotnull as "isNullable", attgenerated <> '' as "isGenerated", pg_get_expr(adbin, adrelid) as fallback
    from pg_class join pg_attribute on attrelid = pg_class.oid
      left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
    order by relname, attnum`.execute(db)
  return rows
}

// PostgreSQL 18 lists "not null" as constraints too; the columns say it already.
async function constraintsOf(db: Queryable): Promise<Definition[]> {
  const { rows } = await sql<Definition>`
    select relname as table, format('constraint %s %s', conname, pg_get_constraintdef(pg_constraint.oid)) as definition
    from pg_constraint join pg_class on pg_class.oid = conrelid
    where connamespace = 'public'::regnamespace and contype <> 'n'
    order by relname, contype <> 'p', conname`.execute(db)
  return rows
}

async function indexesOf(db: Queryable): Promise<Definition[]> {
  const { rows } = await sql<Definition>`
    select owner.relname as table, pg_get_indexdef(indexrelid) || ';' as definition
    from pg_index join pg_class as owner on owner.oid = indrelid join pg_class as index on index.oid = indexrelid
    where owner.relnamespace = 'public'::regnamespace
      and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u'))
    order by owner.relname, index.relname`.execute(db)
  return rows
}

async function triggersOf(db: Queryable): Promise<Definition[]> {
  const { rows } = await sql<Definition>`
    select relname as table, pg_get_triggerdef(pg_trigger.oid) || ';' as definition
    from pg_trigger join pg_class on pg_class.oid = tgrelid
    where relnamespace = 'public'::regnamespace and not tgisinternal
    order by relname, tgname`.execute(db)
  return rows
}

async function commentsOf(db: Queryable): Promise<Definition[]> {
  const { rows } = await sql<Definition>`
    select relname as table,
      case when objsubid = 0 then format('comment on table %s is %L;', relname, description)
        else format('comment on column %s.%s is %L;', relname, attname, description) end as definition
    from pg_description join pg_class on pg_class.oid = objoid and classoid = 'pg_class'::regclass
      left join pg_attribute on attrelid = objoid and attnum = objsubid
    where relnamespace = 'public'::regnamespace and relkind = 'r'
    order by relname, objsubid`.execute(db)
  return rows
}

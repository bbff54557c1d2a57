---@meta
-- What the server sends, as docs/protocol.md says it. No code: types for people and checkers.

---@class fbuild.Argument what deploy, verify and plan take; every field may be left out
---@field target? string
---@field port? string
---@field regions? string[]
---@field mode? 'auto'|'full'|'verify'
---@field dryRun? boolean
---@field baud? 'auto'|integer
---@field staleBuild? 'warn'|'error'|'ignore'
---@field build? boolean
---@field force? boolean
---@field unsaved? string[] paths of what is not saved; filled in
---@field root? string
---@field uri? string

---@class fbuild.Failure
---@field code string stable, for programs
---@field message string
---@field boardState? string
---@field remedy? string
---@field isInput boolean

---@class fbuild.Region
---@field name string
---@field offset integer bytes
---@field size integer bytes
---@field verdict 'match'|'differs'|'unknown' what the board held before
---@field written boolean
---@field bytesSent integer
---@field deltaBytes integer
---@field sectors integer
---@field sectorsDiffering? integer
---@field sectorsWritten integer

---@class fbuild.PlannedWrite
---@field region string
---@field sectors integer
---@field sectorsTotal integer
---@field runs integer
---@field wireBytes integer
---@field predictedMs integer

---@class fbuild.Text what is shown, each part for a place of its own
---@field short string
---@field sentence string
---@field detail? string Markdown
---@field lines string[]
---@field level 'none'|'warning'|'error'
---@field buttons table[]

---@class fbuild.Outcome
---@field text fbuild.Text
---@field outcome 'verifySkip'|'selectiveFlash'|'fullFlash'|'planned'|'cancelled'|'failed'|'erased'
---@field message string one line
---@field target string
---@field port string
---@field chip? string
---@field mac? string
---@field durationMs integer
---@field regions fbuild.Region[]
---@field plan? {predictedMs: integer, builtBy?: string, writes: fbuild.PlannedWrite[]}
---@field warnings string[]
---@field error? fbuild.Failure

---@class fbuild.Status the state of a job
---@field job integer
---@field kind string
---@field state 'running'|'succeeded'|'failed'|'cancelled'
---@field outcome? string
---@field phase? string
---@field text fbuild.Text

---@class fbuild.Target
---@field name string
---@field chip? string
---@field builtMs? integer

---@class fbuild.Selection
---@field root string
---@field target? string
---@field port? string
---@field next {target?: string, port?: string, short: string, detail: string, unfinished?: fbuild.Text} what a deploy would take

---@class fbuild.Targets
---@field targets fbuild.Target[]
---@field unbuilt {name: string, buildHint: string}[]
---@field problems fbuild.Failure[]
---@field selected fbuild.Selection[]

---@class fbuild.Port
---@field name string
---@field likelyBoard boolean
---@field description string

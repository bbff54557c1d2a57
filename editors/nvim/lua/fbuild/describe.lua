-- What the server answers, as lines of text. Values in, text out.
local M = {}

---@param milliseconds integer
---@return string
local function seconds(milliseconds)
  return ('%.1f s'):format(milliseconds / 1000)
end

---@param bytes integer
---@return string
local function kib(bytes)
  return ('%d KiB'):format(math.ceil(bytes / 1024))
end

--- Rows as columns that line up: the first to the left, the others to the right.
---@param rows string[][]
---@return string[]
local function columns(rows)
  local widths = {} ---@type integer[]
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      widths[i] = math.max(widths[i] or 0, vim.fn.strdisplaywidth(cell))
    end
  end
  return vim
    .iter(rows)
    :map(function(row)
      local cells = vim.iter(ipairs(row)):map(function(i, cell)
        local space = (' '):rep(widths[i] - vim.fn.strdisplaywidth(cell))
        return i == 1 and cell .. space or space .. cell
      end)
      return (cells:join('  '):gsub('%s+$', ''))
    end)
    :totable()
end

--- A finished job in a few words, for a statusline.
---@param outcome fbuild.Outcome
---@return string
function M.in_a_few_words(outcome)
  local time = seconds(outcome.durationMs)
  if outcome.outcome == 'verifySkip' then
    return '✓ up to date · ' .. time
  elseif outcome.outcome == 'fullFlash' then
    return '✓ full flash · ' .. time
  elseif outcome.outcome == 'selectiveFlash' then
    local names, n_sectors = {}, 0
    for _, region in ipairs(outcome.regions) do
      if region.written then
        table.insert(names, region.name)
        n_sectors = n_sectors + region.sectorsWritten
      end
    end
    local amount = ('%d sector%s'):format(n_sectors, n_sectors == 1 and '' or 's')
    return table.concat({ '✓ ' .. table.concat(names, ', '), amount, time }, ' · ')
  elseif outcome.outcome == 'failed' then
    local code = outcome.error and outcome.error.code or 'failed'
    return '✗ ' .. code:gsub('-', ' ')
  end
  return outcome.outcome
end

--- A finished job in one sentence, and, where that is long, in a shorter one.
---@param outcome fbuild.Outcome
---@return string
---@return string?
function M.in_a_sentence(outcome)
  if outcome.error then
    local remedy = outcome.error.remedy
    local sentence = outcome.message .. (remedy and '; ' .. remedy or '')
    return sentence, outcome.message .. ' (:FbuildLog)'
  end
  local wrote = outcome.outcome == 'selectiveFlash' or outcome.outcome == 'fullFlash'
  local time = (wrote or outcome.outcome == 'verifySkip') and ' in ' .. seconds(outcome.durationMs)
    or ''
  local n = #(outcome.warnings or {})
  local warnings = n > 0 and (' (%d warning%s: :FbuildLog)'):format(n, n > 1 and 's' or '') or ''
  return outcome.message .. time .. warnings, outcome.message .. warnings
end

---@type table<string, string>
local verdicts = { match = 'matches', differs = 'differs', unknown = 'not compared' }

--- What a deploy would write.
---@param outcome fbuild.Outcome
---@return string[]
function M.plan(outcome)
  local writes = {} ---@type table<string, fbuild.PlannedWrite>
  for _, write in ipairs(outcome.plan and outcome.plan.writes or {}) do
    writes[write.region] = write
  end
  local rows = { { 'region', 'offset', 'board', 'sectors to write', 'on the wire', 'time' } }
  for _, region in ipairs(outcome.regions) do
    local write = writes[region.name]
    table.insert(rows, {
      region.name,
      ('0x%08x'):format(region.offset),
      verdicts[region.verdict],
      write and ('%d of %d'):format(write.sectors, write.sectorsTotal) or '-',
      write and kib(write.wireBytes) or '-',
      write and seconds(write.predictedMs) or '-',
    })
  end
  local board = table.concat({ outcome.chip or '', outcome.mac or '' }, ' ')
  local lines = { ('%s on %s  %s'):format(outcome.target, outcome.port, board), '' }
  vim.list_extend(lines, columns(rows))
  local about = 'nothing to write'
  if outcome.plan and next(writes) then
    about = ('about %s. :FbuildDeploy writes it.'):format(seconds(outcome.plan.predictedMs))
  end
  vim.list_extend(lines, { '', about })
  for _, warning in ipairs(outcome.warnings or {}) do
    table.insert(lines, 'warning: ' .. warning)
  end
  return lines
end

--- Who a board is.
---@param board fbuild.Board
---@return string[]
function M.board(board)
  local flash = board.flash
  local size = flash and ('%d MiB (%s)'):format(flash.size / 1048576, flash.jedec) or 'unknown'
  local security = {
    { 'secureBoot', 'secure boot' },
    { 'flashEncryption', 'flash encryption' },
    { 'secureDownload', 'secure download mode' },
  }
  local on = vim.iter(security):filter(function(feature)
    return board.security[feature[1]]
  end)
  local names = on:map(function(feature)
    return feature[2]
  end):join(', ')
  return {
    'port      ' .. board.port,
    'chip      ' .. board.chip .. (board.revision and ' ' .. board.revision or ''),
    'MAC       ' .. (board.mac or 'unknown'),
    'flash     ' .. size,
    'security  ' .. (names ~= '' and names or 'none'),
  }
end

---@class fbuild.BoardHistory
---@field mac? string
---@field port string
---@field chip? string
---@field deploys {whenMs: integer, target: string, root: string, message: string, durationMs: integer}[]

--- The last deploys to each board.
---@param boards fbuild.BoardHistory[]
---@return string[]
function M.history(boards)
  local lines = {} ---@type string[]
  for _, board in ipairs(boards) do
    local name = { board.chip or '', board.mac or '', board.port }
    table.insert(lines, vim.trim(table.concat(name, '  ')))
    for _, deploy in ipairs(board.deploys) do
      local when = os.date('%Y-%m-%d %H:%M:%S', math.floor(deploy.whenMs / 1000))
      local line = '  %s  %s  %s, %s'
      local time = seconds(deploy.durationMs)
      table.insert(lines, line:format(when, deploy.target, deploy.message, time))
    end
  end
  return #lines > 0 and lines or { 'no deploy yet' }
end

return M

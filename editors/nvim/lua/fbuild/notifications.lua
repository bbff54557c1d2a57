-- What the server says unasked.
local log = require('fbuild.log')
local null = require('fbuild.null')
local say = require('fbuild.say')
local state = require('fbuild.state')

local M = {}

---@type table<integer, integer> from the protocol's MessageType
local levels = { vim.log.levels.ERROR, vim.log.levels.WARN }

---@type table<string, fun(params: table, context: lsp.HandlerContext)>
local handlers = {
  -- Neovim's own handler ends with a line break, which stops a terminal at a hit-enter prompt.
  ['window/showMessage'] = function(params)
    log.add(params.type, params.message)
    say.notify('fbuild: ' .. params.message, levels[params.type])
  end,
  ['window/logMessage'] = function(params)
    log.add(params.type, params.message)
  end,
  ['fbuild/status'] = function(status, context)
    state.of(context.client_id):set_status(status)
    require('fbuild.leaving')
    if status.state == 'running' then
      say.echo(status.text.short)
    end
  end,
  ['fbuild/targets'] = function(targets, context)
    local unfinished = state.of(context.client_id):set_targets(targets)
    if unfinished then
      local shorter = unfinished.lines[2] .. ': ' .. unfinished.lines[3]
      say.notify(unfinished.sentence, vim.log.levels.WARN, { shorter })
    end
  end,
  ['fbuild/monitor'] = function(news, context)
    require('fbuild.monitor').hear(assert(vim.lsp.get_client_by_id(context.client_id)), news)
  end,
  ['fbuild/ports'] = function(result, context)
    state.of(context.client_id).ports = result.ports
    vim.cmd.redrawstatus()
  end,
}

---@type table<string, lsp.Handler>
M.handlers = vim.tbl_map(function(handle)
  return function(_, params, context)
    handle(null.to_nil(params), context)
  end
end, handlers)

-- Neovim puts a colon after the question.
M.handlers['window/showMessageRequest'] = function(err, params, context)
  params.message = params.message:gsub('%.$', '')
  return vim.lsp.handlers['window/showMessageRequest'](err, params, context)
end

return M

/*
 * The agent: the library's one thread, which sleeps until a CLI rings.
 */
#ifndef JST_AGENT_H
#define JST_AGENT_H

/* Starts the agent, and sees to it that a child made by fork() gets one too. Where that fails the program runs untraced. Context: load. */
void jst_agent_load(void);

#endif
